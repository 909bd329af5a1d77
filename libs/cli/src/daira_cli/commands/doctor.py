"""`daira doctor`."""

from typing import Annotated

from cyclopts import App, Parameter

from daira_cli.commands import COMMANDS
from daira_cli.console import Json, Output
from daira_cli.doctor.examination import examine
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_cli.where import Where

app = App(name="doctor", help=COMMANDS["doctor"])


@app.default
async def doctor(
    *,
    service: list[str] | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Look at every dependency, topic, group, database and queue; one line each, findings with what to do next.

    Exits 1 when there is a finding. `daira doctor --stack 8080 --quiet`

    Parameters
    ----------
    service
        only what concerns this service; may be given several times
    quiet
        only the findings
    """
    out = Output(json)
    with out.progress("looking"):
        checks = await examine(where or Where(), [find(name) for name in service or names()])
    findings = [check for check in checks if not check.ok]
    for check in findings if quiet else checks:
        mark = "ok  " if check.ok else "LOOK"
        out.line(f"{mark} {check.area:13}{check.subject}: {check.said}", style=None if check.ok else "bold red")
        if check.then:
            out.line(f"     → {check.then}")
    out.line(f"{len(checks)} looked at, {len(findings)} findings")
    out.document({"ok": not findings, "findings": len(findings), "checks": checks})
    return Exit.FOUND if findings else Exit.OK
