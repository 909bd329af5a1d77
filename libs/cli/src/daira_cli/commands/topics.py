"""`daira topics plan | apply`."""

from cyclopts import App

from daira_bus import topics as broker
from daira_cli.commands import COMMANDS
from daira_cli.console import DryRun, Json, Output, Yes
from daira_cli.exits import Exit
from daira_cli.where import Where
from daira_contracts.topics import Plan

app = App(name="topics", help=COMMANDS["topics"])


@app.command
async def plan(*, where: Where | None = None, json: Json = False) -> int:
    """Say what `apply` would do: topics to create, settings to change, differences that only a new version mends.

    Exits 1 when something differs. `daira topics plan --stack 8080`
    """
    out, at = Output(json), where or Where()
    todo = await broker.planned(at.kafka(), at.topic_prefix())
    _show(out, todo)
    return Exit.FOUND if todo.create or todo.configure or todo.refused else Exit.OK


@app.command
async def apply(
    *, where: Where | None = None, replication: int = 1, yes: Yes = False, dry_run: DryRun = False, json: Json = False
) -> int:
    """Create what is missing and set what differs, after a question. Nothing is ever deleted.

    `daira topics apply --stack 8080 --yes`; `--replication 3` on a cluster

    Parameters
    ----------
    replication
        how many brokers hold each new topic
    """
    out, at = Output(json), where or Where()
    todo = await broker.planned(at.kafka(), at.topic_prefix())
    idle = dry_run or not (todo.create or todo.configure)
    _show(out, todo, document=idle)
    if idle:
        return Exit.FOUND if todo.refused else Exit.OK
    out.confirm(f"create {len(todo.create)} topics, change {len(todo.configure)}?", yes=yes)
    done = await broker.apply(at.kafka(), at.topic_prefix(), replication)
    out.line(f"created {len(done.create)}, changed {len(done.configure)}")
    out.document(done)
    return Exit.FOUND if done.refused else Exit.OK


def _show(out: Output, todo: Plan, *, document: bool = True) -> None:
    for spec in todo.create:
        out.line(f"create   {spec.name}  {spec.partitions} partitions", style="green")
    for spec in todo.configure:
        out.line(f"change   {spec.name}  {_settings(spec.config)}", style="yellow")
    for sentence in todo.refused:
        out.line(f"refused  {sentence}", style="red")
    if not (todo.create or todo.configure or todo.refused):
        out.line("nothing to do: the broker has what the contracts say")
    if document:
        out.document(todo)


def _settings(config: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(config.items()))
