"""From what was told by logs and topics, in no order, to who caused what. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from daira_cli.trace.nodes import Kind, Node, Place, State

SKEW = timedelta(seconds=1)
"""An effect that seems so much older than its cause shows clocks that differ."""


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """`parents` by node id; a node without one is a root."""

    nodes: tuple[Node, ...]
    parents: dict[str, str]

    @property
    def failed(self) -> Node | None:
        """The one to look at: the first that failed and is not mended; a letter only where nobody told of its death."""
        failures = [node for node in self.nodes if node.state is State.FAILED]
        return min(failures, key=lambda node: (node.kind is Kind.LETTER, node.at), default=None)

    @property
    def services(self) -> list[str]:
        """Who took part, in order of appearance."""
        return list(dict.fromkeys(node.service for node in self.nodes if node.service))

    def letter_of(self, node: Node) -> Node | None:
        """The open dead letter of a failed handler."""
        for one in self.nodes:
            if one.kind is Kind.LETTER and one.state is State.FAILED and _same(one, node):
                return one
        return None

    def skew(self) -> timedelta:
        """By how much an effect seems older than its cause, at most; zero where the clocks agree well enough."""
        by_id = {node.id: node for node in self.nodes}
        gaps = (by_id[parent].at - by_id[child].at for child, parent in self.parents.items())
        most = max(gaps, default=timedelta())
        return most if most > SKEW else timedelta()

    def walk(self) -> list[tuple[int, Node]]:
        """Depth and node, causes before effects and older before younger; every node once."""
        children: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            children[self.parents.get(node.id, "")].append(node)
        found: list[tuple[int, Node]] = []
        stack = [(0, node) for node in reversed(children[""])]
        while stack:
            depth, node = stack.pop()
            found.append((depth, node))
            stack += [(depth + 1, child) for child in reversed(children[node.id])]
        return found


def plant(nodes: Iterable[Node], causes: Mapping[str, str]) -> Tree:
    """`causes`: of records without a known span, the event in whose handling they were told; by node id."""
    kept = sorted({node.id: node for node in nodes}.values(), key=lambda node: (node.at, node.id))
    spans = {node.span: node.id for node in kept if node.kind in (Kind.REQUEST, Kind.HANDLED, Kind.JOB)}
    records = {node.place: node.id for node in kept if node.kind is Kind.RECORD}
    events = {node.event_id: node.id for node in kept if node.kind is Kind.RECORD}
    deaths = {_death(node): node.id for node in kept if node.kind is Kind.HANDLED}
    parents: dict[str, str] = {}
    for node in kept:
        parent = _parent(node, spans, records, events, deaths, causes)
        if parent and not _leads_to(parents, parent, node.id):
            parents[node.id] = parent
    return Tree(nodes=_mended(kept), parents=parents)


def _parent(
    node: Node,
    spans: Mapping[str, str],
    records: Mapping[Place | None, str],
    events: Mapping[str, str],
    deaths: Mapping[tuple[str, Place | None], str],
    causes: Mapping[str, str],
) -> str | None:
    if node.kind is Kind.RECORD:
        return spans.get(node.span) or events.get(causes.get(node.id, ""))
    if node.kind is Kind.HANDLED:
        return records.get(node.place) or spans.get(node.parent_span)
    if node.kind is Kind.LETTER:
        return deaths.get(_death(node)) or records.get(node.place)
    return spans.get(node.parent_span)


def _leads_to(parents: Mapping[str, str], start: str, wanted: str) -> bool:
    # Headers are anybody's word: a circle of causes must not hang whoever looks at it.
    seen: set[str] = set()
    at: str | None = start
    while at is not None and at not in seen:
        if at == wanted:
            return True
        seen.add(at)
        at = parents.get(at)
    return False


def _mended(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """A handler that gave a record up has not failed any more once all its letters are settled."""
    letters: dict[tuple[str, Place | None], list[Node]] = defaultdict(list)
    for node in nodes:
        if node.kind is Kind.LETTER:
            letters[_death(node)].append(node)

    def seen_now(node: Node) -> Node:
        found = letters.get(_death(node), [])
        if node.kind is not Kind.HANDLED or node.state is not State.FAILED or not found:
            return node
        is_open = any(letter.state is State.FAILED for letter in found)
        return node if is_open else msgspec.structs.replace(node, state=State.MENDED)

    return tuple(seen_now(node) for node in nodes)


def _death(node: Node) -> tuple[str, Place | None]:
    return node.service, node.place


def _same(letter: Node, node: Node) -> bool:
    return letter.id == node.id or _death(letter) == _death(node)
