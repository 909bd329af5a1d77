"""`daira replay run`."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from daira_cli.audit import audited
from daira_cli.commands.replay.throwaway import Throwaway
from daira_cli.console import Json, Output, Ticker
from daira_cli.errors import Refused, Usage
from daira_cli.exits import Exit
from daira_cli.moments import rate as per_second
from daira_cli.run.live import LivePlan, Prospect, check, prospects, run_live
from daira_cli.run.live_notes import open_notes_alone
from daira_cli.run.outcome import Outcome
from daira_cli.run.reading import Dump
from daira_cli.run.running import Summary
from daira_cli.run.session import Plan, run_on_scratch
from daira_cli.run.silence import silence
from daira_cli.run.telling import conclude, tell
from daira_cli.services import find
from daira_cli.where import Where
from daira_cli.who import who

LIVE_RATE = "200/s"
WITH_EFFECTS = "what handlers tell goes by the service's outbox, what they leave to do by its jobs"
FORESEEN = (
    "topic",
    "to",
    "records",
    "handled before",
    "superseded",
    "to handle",
    "tombstones",
    "not decodable",
)
WITHOUT_EFFECTS = "handlers tell nobody and add no jobs"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Where to stand still."""

    break_on: Annotated[int | None, Parameter(help="Stop in the handler at this line of the dump.")] = None
    pdb: Annotated[bool, Parameter(negative="", help="Stop where a handler fails.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Continuing:
    """What an earlier run left."""

    from_checkpoint: Annotated[bool, Parameter(negative="", help="Go on with a run that was stopped.")] = False
    restart: Annotated[bool, Parameter(negative="", help="Throw away what a stopped run left.")] = False
    keep: Annotated[bool, Parameter(negative="", help="Keep the throw-away database, to look into it.")] = False
    edited: Annotated[bool, Parameter(negative="", help="The dump was changed on purpose.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Live:
    """On the service's real stores."""

    live: Annotated[bool, Parameter(negative="", help="Handle the records on the service's real stores.")] = False
    dry_run: Annotated[bool, Parameter(negative="", help="With --live: say what would happen, write nothing.")] = False
    confirm: Annotated[
        tuple[str, ...], Parameter(negative="", help="Each topic of the dump, typed; asked for on a terminal.")
    ] = ()
    reason: Annotated[str, Parameter(help="Why; goes to the audit trail.")] = ""
    effects: Annotated[
        Literal["all", "none"] | None,
        Parameter(help="With --live; all unless given. none: handlers change state, tell nobody and add no jobs."),
    ] = None


async def run_(
    file: Annotated[Path, Parameter(help="As `daira replay dump` writes it.")],
    /,
    *,
    service: Annotated[str, Parameter(help="Whose handlers.")],
    result: Annotated[Path | None, Parameter(help="Write the outcomes there, for `daira replay diff`.")] = None,
    rate: Annotated[str | None, Parameter(help="At most so many a second: 200/s.")] = None,
    quiet: Annotated[bool, Parameter(negative="", help="The summary only.")] = False,
    stopping: Stopping | None = None,
    continuing: Continuing | None = None,
    throwaway: Throwaway | None = None,
    live: Live | None = None,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Run a dump through one service's own handlers, on a throw-away database. Nothing is sent and no job runs.

    With --live it runs on the service's real stores: the inbox passes over what was handled before, and a state whose
    topic holds a newer one of its key, or its removal, is superseded.

    For each record: accepted, duplicate, retried, dlq or blocked, what changed, and what would have been told.
    Exits 1 when a record would be dead-lettered.

    `daira replay run bug.jsonl --service feed --break-on 17 --stack 8080`
    """
    out, at, stop, go = Output(json), where or Where(), stopping or Stopping(), continuing or Continuing()
    found = find(service)
    settings, real, away = at.settings(found), live or Live(), throwaway or Throwaway()
    if real.live:
        _refuse(_of_scratch_runs(stop, go, away), "without --live", "real stores are written to, none is thrown away")
        wish = LivePlan(
            dump=file,
            service=found,
            settings=settings,
            effects=real.effects != "none",
            edited=go.edited,
            rate=per_second(rate or LIVE_RATE),
            result=result,
            from_checkpoint=go.from_checkpoint,
        )
        return await _run_live(wish, real, at, out, quiet=quiet)
    _refuse(_of_live_runs(real), "with --live", "without --live nothing real is touched")
    plan = Plan(
        dump=file,
        service=found,
        settings=settings,
        stores=away.stores(),
        result=result,
        rate=per_second(rate),
        break_on=stop.break_on,
        post_mortem=stop.pdb,
        edited=go.edited,
        from_checkpoint=go.from_checkpoint,
        restart=go.restart,
        keep=go.keep,
    )
    summary = await _run_told(plan, out, quiet=quiet)
    conclude(summary, out)
    out.record({"summary": summary})
    return Exit.FOUND if summary.verdicts["dlq"] or summary.verdicts["blocked"] else Exit.OK


def _of_scratch_runs(stop: Stopping, go: Continuing, away: Throwaway) -> dict[str, bool]:
    return {
        "--break-on": stop.break_on is not None,
        "--pdb": stop.pdb,
        "--scratch-postgres": away.scratch_postgres is not None,
        "--scratch-redis": away.scratch_redis is not None,
        "--restart": go.restart,
        "--keep": go.keep,
    }


def _of_live_runs(real: Live) -> dict[str, bool]:
    return {
        "--dry-run": real.dry_run,
        "--confirm": bool(real.confirm),
        "--reason": bool(real.reason),
        "--effects": real.effects is not None,
    }


def _refuse(given: Mapping[str, bool], goes: str, then: str) -> None:
    """Raises Usage for what was given and would be passed over: whoever typed it relies on it."""
    for name, is_given in given.items():
        if is_given:
            raise Usage(f"{name} goes {goes}", then=then)


async def _run_live(plan: LivePlan, wish: Live, at: Where, out: Output, *, quiet: bool) -> int:
    with Dump.open(plan.dump, edited=plan.edited) as dump:
        if wish.dry_run:
            with silence():
                found = await prospects(dump, plan)
            out.table(FORESEEN, [_foreseen(one, plan) for one in found])
            out.line("nothing is sent to a topic; " + (WITH_EFFECTS if plan.effects else WITHOUT_EFFECTS))
            out.record({"dryRun": found})
            return Exit.OK
        check(dump, plan)
        _confirm(dump.topics, wish, out)
        name, dsn, subjects = plan.service.name, plan.settings.postgres_dsn, (plan.service.name, *dump.topics)
        # First, so that the audit trail is not told of what is refused.
        async with open_notes_alone(dump, name, dsn, who(), go_on=plan.from_checkpoint) as notes:
            await audited(at.kafka(), at.topic_prefix(), "replay.run.live", subjects, wish.reason)
            with out.progress("running", len(dump.entries)) as ticker, silence():
                summary = await run_live(dump, plan, notes, partial(_each, ticker, out, quiet))
    conclude(summary, out)
    out.record({"summary": summary})
    return Exit.FOUND if summary.verdicts["dlq"] else Exit.OK


def _foreseen(one: Prospect, plan: LivePlan) -> tuple[object, ...]:
    before = (one.records, one.handled_before, one.superseded)
    return (one.topic, plan.service.name, *before, one.to_handle, one.tombstones, one.not_decodable)


def _confirm(topics: Sequence[str], wish: Live, out: Output) -> None:
    """Raises Refused unless each topic was typed, and Usage without a reason."""
    if not wish.reason.strip():
        raise Usage("--live needs a reason", then='--reason "case 4711: her name never changed in feed"')
    typed = set(wish.confirm)
    if not typed and sys.stdin.isatty():
        out.note(f"on the real stores. Type the topics to go on: {' '.join(topics)}")
        typed = set(sys.stdin.readline().split())
    if typed != set(topics):
        then = " ".join(f"--confirm {topic}" for topic in topics)
        raise Refused("the topics were not typed", then=f"add {then}", code="not_confirmed")


def _each(ticker: Ticker, out: Output, quiet: bool, outcome: Outcome) -> None:
    ticker.advance()
    out.record(outcome)
    if not quiet:
        tell(outcome, out)


async def _run_told(plan: Plan, out: Output, *, quiet: bool) -> Summary:
    is_debugged = plan.break_on is not None or plan.post_mortem  # a moving bar and a prompt share no terminal
    with nullcontext(Ticker(None, None)) if is_debugged else out.progress("running") as ticker:

        def began(done: int, total: int) -> None:
            ticker.total(total)
            ticker.advance(done)
            if done:
                out.note(f"going on after {done:,} of {total:,} records")

        with silence():
            summary, made = await run_on_scratch(plan, partial(_each, ticker, out, quiet), began)
    if plan.keep:
        out.note(f"kept: database {made.name}" + (f", Redis {made.redis_url}" if made.redis_url else ""))
    return summary
