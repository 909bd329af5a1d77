"""`daira replay dump | run | diff`."""

import sys
from asyncio import CancelledError
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from msgspec.json import encode

from daira_bus.errors import BrokerUnavailable
from daira_bus.log import Log, UnknownTopic, open_log
from daira_cli.audit import audited
from daira_cli.console import Json, Output, Ticker
from daira_cli.diff.comparing import compare
from daira_cli.dump.manifest import Filters, Manifest
from daira_cli.dump.taking import Taking, Wish, counts
from daira_cli.errors import Partial, Refused, Usage
from daira_cli.exits import Exit
from daira_cli.moments import moment
from daira_cli.moments import rate as per_second
from daira_cli.run.live import LivePlan, check, prospects, run_live
from daira_cli.run.outcome import Outcome, is_result, read_result
from daira_cli.run.reading import Dump
from daira_cli.run.running import Summary
from daira_cli.run.scratch import Stores
from daira_cli.run.session import Plan, run_on_scratch
from daira_cli.run.silence import silence
from daira_cli.run.telling import conclude, tell
from daira_cli.services import find
from daira_cli.where import Where
from daira_kit.clock import now

app = App(name="replay", help="Take records out of topics, run them through a service's own code, compare.")
LIVE_RATE = "200/s"
WITH_EFFECTS = "what handlers tell goes by the service's outbox, what they leave to do by its jobs"
WITHOUT_EFFECTS = "handlers tell nobody and add no jobs"
TO_BE_CONTINUED = "the same command goes on where this one stopped"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which records of the topics."""

    since: Annotated[str | None, Parameter(help="Stamped then or later: 2h, 7d, or an ISO time.")] = None
    until: Annotated[str | None, Parameter(help="Stamped earlier than this.")] = None
    from_offset: Annotated[int | None, Parameter(help="Begin at this offset in each partition.")] = None
    key: Annotated[
        tuple[str, ...], Parameter(negative="", help="A whole key, a part of it, or a part by its field (user:42).")
    ] = ()
    header: Annotated[tuple[str, ...], Parameter(negative="", help="name or name=value; all must fit.")] = ()

    def filters(self) -> Filters:
        """With times resolved. Raises Usage."""
        clock = now()
        return Filters(
            since=moment(self.since, clock),
            until=moment(self.until, clock),
            from_offset=self.from_offset,
            keys=self.key,
            headers=self.header,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Hiding:
    """What becomes of people's data."""

    unredacted: Annotated[bool, Parameter(negative="", help="Leave people's data in: needs --reason, is audited.")] = (
        False
    )
    reason: Annotated[str, Parameter(help="Why people's data are needed.")] = ""
    salt: Annotated[
        str | None, Parameter(help="The same salt gives the same pseudonyms, so that several dumps can be joined.")
    ] = None


@app.command
async def dump(
    topics: Annotated[
        tuple[str, ...], Parameter(help="Names as `daira contracts ls` shows them, or of dead letter topics.")
    ],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The file; its manifest lies beside it.")],
    wanted: Wanted | None = None,
    hiding: Hiding | None = None,
    restart: Annotated[bool, Parameter(negative="", help="Replace what an earlier run left under this name.")] = False,
    where: Where | None = None,
    json: Json = False,
) -> int:
    """Write records as JSON Lines, with a manifest beside the file. People's data are hidden by the contract's class.

    Stopped by Ctrl-C or a kill, the same command goes on and ends with the same file.

    `daira replay dump user.profile-changed.v1 --since 2h --key user:0192… -o bug.jsonl --stack 8080`
    """
    out, at = Output(json), where or Where()
    wish = _wish(topics, wanted or Wanted(), hiding or Hiding())
    if not wish.redacted:
        await audited(at.kafka(), at.topic_prefix(), "replay.dump.unredacted", wish.topics, wish.reason)
    async with open_log(
        at.kafka(), at.topic_prefix(), waits=lambda error: out.note(f"the broker is away, waiting: {error!r}")
    ) as log:
        manifest = await _take(log, output, wish, restart, out)
    out.table(["topic", "partition", "from", "to", "records"], counts(manifest.partitions))
    _remarks(manifest, out)
    out.line(f"{manifest.records:,} records, {manifest.bytes:,} bytes in {output}")
    out.document(manifest)
    return Exit.OK


def _wish(topics: tuple[str, ...], wanted: Wanted, hiding: Hiding) -> Wish:
    if not topics:
        raise Usage("no topic given", then="daira contracts ls names them")
    if hiding.unredacted and not hiding.reason.strip():
        raise Usage("--unredacted needs a reason", then='--reason "case 4711: her video never appeared"')
    return Wish(
        topics=tuple(dict.fromkeys(topics)),
        since=wanted.since,
        until=wanted.until,
        filters=wanted.filters(),
        redacted=not hiding.unredacted,
        reason=hiding.reason,
        salt=hiding.salt,
    )


async def _take(log: Log, output: Path, wish: Wish, restart: bool, out: Output) -> Manifest:
    try:
        taking = await Taking.begin(log, output, wish, restart=restart)
    except UnknownTopic as error:
        then = "daira contracts ls names the topics; is --prefix right?"
        raise Usage(error.detail, then=then, code=error.code) from error
    begun = taking.begun
    if begun.done:
        out.note(f"going on after {begun.done:,} of {begun.total:,} records")
    try:
        with out.progress("reading", begun.total) as ticker:
            ticker.advance(begun.done)
            return await taking.run(ticker.advance)
    except CancelledError:
        raise Partial(f"stopped; what was read is in {output}.part", then=TO_BE_CONTINUED) from None
    except BrokerUnavailable as error:
        raise Partial(error.detail, then=TO_BE_CONTINUED, code=error.code) from error


def _remarks(manifest: Manifest, out: Output) -> None:
    backwards = sum(one.backwards for one in manifest.partitions)
    if backwards:
        out.note(f"{backwards:,} records are stamped earlier than one before them: clocks differ between producers")


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
class Throwaway:
    """Servers that carry the throw-away stores, in place of those of the service's settings."""

    scratch_postgres: Annotated[str | None, Parameter(help="Server for the throw-away database (DSN).")] = None
    scratch_redis: Annotated[str | None, Parameter(help="URL of an empty logical Redis database.")] = None

    def stores(self) -> Stores:
        """As the run takes them."""
        return Stores(postgres=self.scratch_postgres, redis=self.scratch_redis)


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
        Literal["all", "none"], Parameter(help="none: handlers change state, tell nobody and add no jobs.")
    ] = "all"


@app.command(name="run")
async def run_(
    file: Path,
    /,
    *,
    service: str,
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

    With --live it runs on the service's real stores: the inbox passes over what was handled before.

    For each record: accepted, duplicate, retried, dlq or blocked, what changed, and what would have been told.
    Exits 1 when a record would be dead-lettered.

    `daira replay run bug.jsonl --service feed --break-on 17 --stack 8080`
    """
    out, at, stop, go = Output(json), where or Where(), stopping or Stopping(), continuing or Continuing()
    found = find(service)
    settings, real = at.settings(found), live or Live()
    if real.live:
        wish = LivePlan(
            dump=file,
            service=found,
            settings=settings,
            effects=real.effects == "all",
            edited=go.edited,
            rate=per_second(rate or LIVE_RATE),
            result=result,
            from_checkpoint=go.from_checkpoint,
        )
        return await _run_live(wish, real, at, out, quiet=quiet)
    if real.dry_run:
        raise Usage("--dry-run goes with --live", then="without --live nothing real is touched")
    plan = Plan(
        dump=file,
        service=found,
        settings=settings,
        stores=(throwaway or Throwaway()).stores(),
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


async def _run_live(plan: LivePlan, wish: Live, at: Where, out: Output, *, quiet: bool) -> int:
    with Dump.open(plan.dump, edited=plan.edited) as dump:
        if wish.dry_run:
            with silence():
                found = await prospects(dump, plan)
            rows = [
                (p.topic, plan.service.name, p.records, p.handled_before, p.to_handle, p.tombstones, p.not_decodable)
                for p in found
            ]
            out.table(["topic", "to", "records", "handled before", "to handle", "tombstones", "not decodable"], rows)
            out.line("nothing is sent to a topic; " + (WITH_EFFECTS if plan.effects else WITHOUT_EFFECTS))
            out.record({"dryRun": found})
            return Exit.OK
        check(dump, plan)
        _confirm(dump.topics, wish, out)
        await audited(at.kafka(), at.topic_prefix(), "replay.run.live", (plan.service.name, *dump.topics), wish.reason)
        with out.progress("running", len(dump.entries)) as ticker, silence():
            summary = await run_live(dump, plan, partial(_each, ticker, out, quiet))
    conclude(summary, out)
    out.record({"summary": summary})
    return Exit.FOUND if summary.verdicts["dlq"] else Exit.OK


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


@app.command
async def diff(
    a: Path,
    b: Path,
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
