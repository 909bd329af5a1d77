"""`daira config [--explain]`."""

from typing import Annotated

from cyclopts import App, Parameter

from daira_cli.commands import COMMANDS
from daira_cli.configuration import Setting, settings_of, unknown
from daira_cli.console import Json, Output
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_cli.where import Where

app = App(name="config", help=COMMANDS["config"])
WIDTH = 70


@app.default
def config(
    *,
    service: list[str] | None = None,
    explain: Annotated[bool, Parameter(negative="")] = False,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Every setting: its variable, its value (secrets hidden) and where that comes from; unknown variables by name.

    Exits 1 when a service would refuse to start so. `daira config --service feed --explain`

    Parameters
    ----------
    service
        only this service; may be given several times
    explain
        also type, default and meaning of each
    """
    out = Output(json)
    chosen = [find(name) for name in service or names()]
    found = [setting for one in chosen for setting in settings_of(one, where or Where())]
    strangers = unknown([find(name) for name in names()])
    rows = [(one.variable, _short(one.value), one.problem or one.source) for one in found]
    if explain:
        for one in found:
            _explain(out, one)
    else:
        out.table(("variable", "value", "source"), rows)
    for stranger in strangers:
        hint = f"; did you mean {stranger.closest}?" if stranger.closest else ""
        out.line(f"{stranger.variable}: no such setting{hint}", style="red")
    problems = [one for one in found if one.problem]
    out.line(f"{len(found)} settings, {len(problems)} missing or malformed, {len(strangers)} unknown variables")
    out.document({"settings": found, "unknown": strangers})
    return Exit.FOUND if problems or strangers else Exit.OK


def _explain(out: Output, one: Setting) -> None:
    out.line(one.variable, style="bold")
    out.line(f"    {one.about}")
    default = "must be set" if one.default is None else f"default {one.default!r}"
    out.line(f"    {one.type}, {default}")
    out.line(f"    {one.problem}" if one.problem else f"    {_short(one.value)!r} ({one.source})", style="dim")


def _short(value: str | None) -> str:
    return "" if value is None else value if len(value) <= WIDTH else f"{value[:WIDTH]}…"
