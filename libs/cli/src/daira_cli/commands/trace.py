"""`daira trace WORD`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from daira_bus.log import open_log
from daira_cli.console import Json, Output
from daira_cli.errors import Usage
from daira_cli.exits import Exit
from daira_cli.moments import moment
from daira_cli.trace.drawing import draw
from daira_cli.trace.finding import Finder, begin
from daira_cli.trace.places import logs_of_stack
from daira_cli.trace.tree import Tree
from daira_cli.where import Where
from daira_kit.clock import now

app = App(name="trace")
WORD = (
    "A trace id; a request id, or the whole problem as an app got it; an event's id; a dead letter's id; "
    "a record's key (post, video, person); an error code."
)
SINCE = "Where to begin in the topics: 2h, 7d, a date; by default the moment in the id, else a day ago."
LOGS = "Folder with the services' logs, one file each; those of a local stack are found by themselves."


@app.default
async def trace(
    word: Annotated[str, Parameter(help=WORD)],
    *,
    where: Where | None = None,
    since: Annotated[str | None, Parameter(help=SINCE)] = None,
    topic: Annotated[tuple[str, ...], Parameter(negative="", help="Look into this topic only; repeatable.")] = (),
    logs: Annotated[Path | None, Parameter(help=LOGS)] = None,
    most: Annotated[
        int,
        Parameter(help="How many traces to show when several fit: those with an open dead letter, then the newest."),
    ] = 1,
    json: Json = False,
) -> int:
    """What a request, an event or an error set in motion: who caused what, when, how long, and where it failed.

    Exits 1 when something failed and nobody has mended it. `daira trace 01935a7c-1b2c-7d3e-8f40-0000000000aa`
    """
    out, at, today = Output(json), where or Where(), now()
    folder = logs or (logs_of_stack(at.stack, Path.cwd()) if at.stack is not None else None)
    start = moment(since, today) or begin(word, today)
    async with open_log(at.kafka(), at.topic_prefix()) as log:
        with out.progress("records") as ticker:
            finder = Finder(
                log=log, since=start, topics=topic, logs=folder, prefix=at.topic_prefix(), advance=ticker.advance
            )
            trees, others = await finder.trees(word, most)
    if not trees:
        beside = "" if folder else "; --logs FOLDER looks into the services' logs too"
        raise Usage(f"nothing since {start:%Y-%m-%d %H:%M} knows {word}", then=f"--since 7d{beside}", code="not_found")
    _print(out, trees, others)
    return Exit.FOUND if any(tree.failed for tree in trees.values()) else Exit.OK


def _print(out: Output, trees: dict[str, Tree], others: list[str]) -> None:
    for name, tree in trees.items():
        for text, style in draw(name, tree):
            out.line(text, style=style)
    if others:
        out.line(f"{len(others)} more fit, such as {others[0]}: --most {len(others) + len(trees)} shows all")
    out.document({"traces": [_document(name, tree) for name, tree in trees.items()], "others": others})


def _document(name: str, tree: Tree) -> dict[str, object]:
    failed = tree.failed
    return {
        "traceId": name,
        "services": tree.services,
        "failed": failed.id if failed else None,
        "nodes": [{"node": node, "parent": tree.parents.get(node.id)} for _, node in tree.walk()],
    }
