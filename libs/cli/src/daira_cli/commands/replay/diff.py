"""`daira replay diff`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.json import encode

from daira_cli.commands.replay.throwaway import Throwaway
from daira_cli.console import Json, Output
from daira_cli.diff.comparing import compare
from daira_cli.errors import Usage
from daira_cli.exits import Exit
from daira_cli.run.outcome import Outcome, is_result, read_result
from daira_cli.run.scratch import Stores
from daira_cli.run.session import Plan, run_on_scratch
from daira_cli.run.silence import silence
from daira_cli.services import find
from daira_cli.where import Where


async def diff(
    a: Annotated[Path, Parameter(help="A result, or a dump to run now.")],
    b: Annotated[Path, Parameter(help="Another of either.")],
    /,
    *,
    service: Annotated[str | None, Parameter(help="Runs what is a dump, and no result yet.")] = None,
    throwaway: Throwaway | None = None,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Compare two results of `replay run --result`, or a result with a dump run now. Exits 1 when they differ.

    Ids and times that a run made up do not count.

    `daira replay diff before.jsonl bug.jsonl --service feed --stack 8080`
    """
    out, at = Output(json), where or Where()
    stores = (throwaway or Throwaway()).stores()
    found = [await _outcomes(one, service, at, stores) for one in (a, b)]
    differences = compare(*found)
    for one in differences:
        out.line(f"{one.where}  {one.what}", "bold")
        out.line(f"  a: {_compact(one.a)}", "red")
        out.line(f"  b: {_compact(one.b)}", "green")
    out.line(f"{len(differences):,} differences in {len(found[0]):,} and {len(found[1]):,} records")
    out.document({"differences": differences})
    return Exit.FOUND if differences else Exit.OK


async def _outcomes(file: Path, service: str | None, at: Where, stores: Stores) -> list[Outcome]:
    if is_result(file):
        return read_result(file)
    if service is None:
        raise Usage(f"{file} is no result of a run", then="--service says through which service it is to be run")
    known, outcomes = find(service), list[Outcome]()
    plan = Plan(dump=file, service=known, settings=at.settings(known), stores=stores, restart=True)
    with silence():
        await run_on_scratch(plan, outcomes.append, lambda _done, _total: None)
    return outcomes


def _compact(value: object) -> str:
    return "nothing" if value is None else encode(value).decode()
