"""From a word that somebody has (an id, an error code, a whole problem) to traces, and from a trace to its tree."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from daira_bus.letters import Letter, Pile, read_pile
from daira_bus.log import Log
from daira_cli.trace import logs
from daira_cli.trace.nodes import Node, trace_of
from daira_cli.trace.records import Seen, letter_node, read_seen, record_node
from daira_cli.trace.tree import Tree, plant
from daira_kit.ids import id_time

TRACE_ID = re.compile(r"[0-9a-f]{32}")
MARGIN = timedelta(minutes=1)
"""Clocks differ, and a request begins before the first id it makes."""
LONGEST_BACK = timedelta(days=7)
UNTRACED = "untraced "
"""Before the id of an event, or the key of a record, that carries no trace: these records and letters are all."""


class _Problem(msgspec.Struct, rename="camel"):
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Finder:
    """`since` begins the search in the topics; without `logs` the tree is what topics and dead letters know."""

    log: Log
    since: datetime
    topics: Sequence[str]
    logs: Path | None
    prefix: str
    advance: Callable[[float], None]

    async def trees(self, word: str, most: int) -> tuple[dict[str, Tree], list[str]]:
        """Trees by trace id of `most` traces that know the word, and the ids of the others.

        Those with an open dead letter first, then the newest; empty when nothing knows the word.
        Raises BrokerUnavailable, UnknownTopic, Usage.
        """
        word = plain(word)
        given = word if TRACE_ID.fullmatch(word) else trace_of(word)[0]
        if given:
            tree = await self._tree(given, word)
            if tree.nodes:
                return {given: tree}, []
        # Clients may give their requests ids of the same shape.
        names = await self._traces(word)
        found = {name: tree for name in names[:most] if (tree := await self._tree(name, word)).nodes}
        return found, names[most:]

    async def _traces(self, word: str) -> list[str]:
        found = logs.named(self.logs, word) if self.logs else {}
        pile = await read_pile(self.log)
        _note(found, ((_trace(one), one.died_at) for one in pile.letters if word in _names(one)))
        text = f'"{word}"'.encode()

        def is_meant(seen: Seen, value: bytes | None) -> bool:
            return word in (seen.event_id, seen.key, *seen.key.split(":")) or text in (value or b"")

        spotted = await read_seen(self.log, self.since, self.topics, word, is_meant, self.advance)
        _note(found, ((seen.trace_id or UNTRACED + (seen.event_id or seen.key), seen.at) for seen in spotted))
        dead = {_trace(one) for one in pile.open}
        return sorted(found, key=lambda one: (one in dead, found[one]), reverse=True)

    async def _tree(self, trace_id: str, word: str) -> Tree:
        """Everything that is known of a trace."""
        untraced = trace_id.removeprefix(UNTRACED) if trace_id.startswith(UNTRACED) else None
        told = logs.read_nodes(self.logs, [untraced or trace_id], self.prefix, word) if self.logs else []
        since = min([self.since, *(node.at - MARGIN for node in told)]) if untraced is None else self.since

        def belongs(seen: Seen, _value: bytes | None) -> bool:
            return untraced in (seen.event_id, seen.key) if untraced else seen.trace_id == trace_id

        records = await read_seen(self.log, since, self.topics, untraced or trace_id, belongs, self.advance)
        letters = _letters(await read_pile(self.log), trace_id, untraced)
        nodes = [*told, *map(record_node, records), *letters]
        causes = {record_node(seen).id: seen.cause for seen in records if seen.cause}
        return plant(nodes, causes)


def plain(word: str) -> str:
    """The request id of a pasted problem; anything else as it is, without surrounding space."""
    try:
        return msgspec.json.decode(word, type=_Problem).request_id
    except (msgspec.DecodeError, UnicodeEncodeError):
        return word.strip()


def begin(word: str, now: datetime) -> datetime:
    """Where to begin when nobody says: an id of the last days tells its own moment, anything else is of today."""
    try:
        made = id_time(UUID(plain(word)))
    except ValueError:
        made = None
    return made - MARGIN if made is not None and made > now - LONGEST_BACK else now - timedelta(days=1)


def _letters(pile: Pile, trace_id: str, untraced: str | None) -> Iterator[Node]:
    for letter in pile.letters:
        if _trace(letter) == trace_id or (untraced and untraced in (letter.id, letter.header("ce_id"))):
            yield letter_node(letter, pile)


def _names(letter: Letter) -> tuple[str, ...]:
    key = (letter.key or b"").decode(errors="replace")
    return (letter.id, letter.code, letter.header("ce_id"), key, *key.split(":"))


def _trace(letter: Letter) -> str:
    trace_id, _ = trace_of(letter.header("traceparent"))
    return trace_id or UNTRACED + (letter.header("ce_id") or letter.id)


def _note(found: dict[str, datetime], more: Iterable[tuple[str, datetime]]) -> None:
    for trace_id, at in more:
        found[trace_id] = max(at, found.get(trace_id, at))
