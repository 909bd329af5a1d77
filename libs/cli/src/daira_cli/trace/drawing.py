"""A tree as lines for people."""

from collections.abc import Iterator

from daira_cli.trace.nodes import Kind, Node, State
from daira_cli.trace.tree import Tree

MARKS = {State.FAILED: "✗ ", State.MENDED: "✓ ", State.RETRIED: "~ ", State.OK: ""}
STYLES = {State.FAILED: "bold red", State.MENDED: "green", State.RETRIED: "yellow", State.OK: None}
Drawn = tuple[str, str | None]
"""A line and its style."""


def draw(name: str, tree: Tree) -> Iterator[Drawn]:
    """Headline, one line a node, then what failed and what to do about it."""
    first, last = tree.nodes[0].at, tree.nodes[-1].at
    spent = (last - first).total_seconds()
    yield f"trace {name}  {first:%Y-%m-%d %H:%M:%S}, {spent:.3f} s, {', '.join(tree.services)}", "bold"
    red = tree.failed
    for depth, node in tree.walk():
        after = (node.at - first).total_seconds()
        ms = f"  {node.ms:g} ms" if node.ms is not None else ""
        detail = f"  {node.detail}" if node.detail else ""
        what = node.what if node.kind is Kind.RECORD else f"{node.service}  {node.what}"
        # One node is red: others that failed are seen by their mark.
        style = STYLES[node.state] if node.state is not State.FAILED or node is red else None
        yield f"{after:+9.3f}  {'  ' * depth}{MARKS[node.state]}{what}{ms}{detail}", style
    if tree.skew():
        yield f"clocks differ by at least {tree.skew().total_seconds():.1f} s: effects seem older than causes", "yellow"
    yield from _end(tree, red)


def _end(tree: Tree, red: Node | None) -> Iterator[Drawn]:
    if red is None:
        yield "nothing failed", "green"
        return
    yield f"✗ {red.service}: {red.what}: {red.detail}", "bold red"
    letter = tree.letter_of(red)
    if letter is not None:
        yield f"→ daira dlq show {letter.id}", None
