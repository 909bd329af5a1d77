"""`daira rebuild PROJECTION… | --all`, `daira rebuild ls`."""

from asyncio import CancelledError
from typing import Annotated

from cyclopts import App, Parameter

from daira_bus.errors import BrokerUnavailable
from daira_cli.console import DryRun, Json, Output
from daira_cli.errors import Partial
from daira_cli.exits import Exit
from daira_cli.rebuild.finding import Found, everything, wanted
from daira_cli.rebuild.report import Report
from daira_cli.rebuild.running import rebuild
from daira_cli.where import Where
from daira_cli.who import who

app = App(name="rebuild", help="Make projections anew from their topics while readers are served.")
TO_BE_CONTINUED = "the same command goes on where this one stopped"
HEADERS = ("projection", "records", "unreadable", "seen", "added", "changed", "removed", "handlers waited", "took")


@app.default
async def run(
    *projections: Annotated[str, Parameter(help="As `daira rebuild ls` names them.")],
    every: Annotated[bool, Parameter(name="--all", negative="", help="Every projection of every service.")] = False,
    anew: Annotated[bool, Parameter(negative="", help="Forget what an interrupted run had done.")] = False,
    dry_run: DryRun = False,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Bring projections in line with their topics. Readers go on, handlers wait while the tables are swapped.

    Stopped anywhere, the same command goes on. `--dry-run` says what differs and exits 1 when something does.

    `daira rebuild feed.profile --stack 8080`, `daira rebuild --all --dry-run --stack 8080`
    """
    out, at = Output(json), where or Where()
    reports: list[Report] = []
    try:
        for found in wanted(projections, every=every):
            settings = at.settings(found.service)
            reports.append(await rebuild(found, settings, who(), out.progress, dry=dry_run, anew=anew))
    except CancelledError:
        raise Partial("stopped", then=TO_BE_CONTINUED) from None
    except BrokerUnavailable as error:
        raise Partial(error.detail, then=TO_BE_CONTINUED, code="kafka_down") from error
    finally:
        _show(out, reports, dry=dry_run)
    out.document({"dryRun": dry_run, "rebuilt": reports})  # after an error its document is the only one
    return Exit.FOUND if dry_run and any(report.differs for report in reports) else Exit.OK


@app.command
def ls(*, service: Annotated[str | None, Parameter(help="Only this service's.")] = None, json: Json = False) -> int:
    """What can be made anew, and from what.

    `daira rebuild ls --service feed`
    """
    out, found = Output(json), everything(service)
    out.document({"projections": [_described(one) for one in found]})
    headers = ("projection", "tables", "topics", "what it is")
    rows = [(one.projection.name, one.tables, one.topics or "own tables", one.projection.about) for one in found]
    out.table(headers, rows)
    return Exit.OK


def _show(out: Output, reports: list[Report], *, dry: bool) -> None:
    if not reports:
        return
    out.table(
        HEADERS,
        [
            (
                one.projection,
                one.records,
                one.unreadable,
                one.seen,
                one.added,
                one.changed,
                one.removed,
                f"{one.locked_ms:.0f} ms",
                f"{one.seconds:.1f} s",
            )
            for one in reports
        ],
    )
    if dry:
        out.line("nothing was written: these are differences; a service that is behind its topics has some")


def _described(found: Found) -> dict[str, object]:
    projection = found.projection
    return {
        "name": projection.name,
        "service": found.service.name,
        "about": projection.about,
        "tables": found.tables,
        "topics": found.topics,
    }
