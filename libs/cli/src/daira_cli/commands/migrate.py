"""`daira migrate --plan | --apply`."""

from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import App, Parameter

from daira_cli.commands import COMMANDS
from daira_cli.console import Json, Output, Yes
from daira_cli.errors import Refused, Usage
from daira_cli.exits import Exit
from daira_cli.schema import Schema, bring, look
from daira_cli.services import AnyService, find, names
from daira_cli.where import Where
from daira_stores.migrate import MigrationError

app = App(name="migrate", help=COMMANDS["migrate"])
Phase = Literal["pre", "post"]
Flag = Annotated[bool, Parameter(negative="")]


@app.default
async def migrate(
    *,
    plan: Flag = False,
    apply: Flag = False,
    service: list[str] | None = None,
    phase: Phase = "post",
    where: Where | None = None,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Print what is pending (--plan, the default; exits 1 when something is), or run it (--apply, after a question).

    Each file is one transaction; two runners at once queue. `daira migrate --stack 8080 --service feed --apply --yes`

    Parameters
    ----------
    plan
        print the pending files and run nothing
    apply
        run them
    service
        only this service; may be given several times
    phase
        pre: what may run before the new code starts; post: everything
    """
    if plan and apply:
        raise Usage("--plan or --apply, not both", then="--plan changes nothing: begin with it", code="two_targets")
    out, at = Output(json), where or Where()
    chosen = [(one, at.settings(one)) for one in (map(find, service) if service else map(find, names()))]
    found = [await look(one, settings, phase) for one, settings in chosen]
    _refuse_edited(found)
    _show(out, found, phase, texts=not apply)
    ready = sum(not step.waits for schema in found for step in schema.pending)
    if not apply:
        out.document(found)
        return Exit.FOUND if ready else Exit.OK
    if ready:
        out.confirm(f"apply {ready} files?", yes=yes)
    done = {one.name: await _apply(one, settings, phase) for one, settings in chosen}
    out.line(f"applied {sum(map(len, done.values()))} files to {len(done)} services")
    out.document({"applied": done})
    return Exit.OK


def _refuse_edited(found: Sequence[Schema]) -> None:
    edited = [f"{schema.service}: {name}" for schema in found for name in schema.edited]
    if edited:
        then = "restore the file as it was and write the change as another one"
        raise Refused(f"edited after it was applied: {', '.join(edited)}", then=then, code="migration_edited")


def _show(out: Output, found: Sequence[Schema], phase: str, *, texts: bool) -> None:
    for schema in found:
        out.line(f"{schema.service:14}{schema.version or 'empty'}, {len(schema.pending)} pending", style="bold")
        for name in schema.unknown:
            out.line(f"  ahead    {name}: applied by a newer code", style="yellow")
        for step in schema.pending:
            word = (
                f"waits    {step.name}: not in phase {phase}" if step.waits else f"pending  {step.name} ({step.store})"
            )
            out.line(f"  {word}")
            if texts:
                out.line("".join(f"      {line}\n" for line in step.text.splitlines()).rstrip("\n"))


async def _apply(service: AnyService, settings: object, phase: str) -> list[str]:
    try:
        return await bring(service, settings, phase)
    except MigrationError as error:
        raise Refused(
            f"{service.name}: {error}", then="that file left nothing behind; mend it and apply again"
        ) from None
