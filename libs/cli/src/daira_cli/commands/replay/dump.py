"""`daira replay dump`."""

from asyncio import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from daira_bus.errors import BrokerUnavailable
from daira_bus.log import Log, UnknownTopic, open_log
from daira_cli.audit import audited
from daira_cli.console import DryRun, Json, Output
from daira_cli.dump.filters import check_key
from daira_cli.dump.manifest import Filters, Manifest
from daira_cli.dump.redaction import hidden_in
from daira_cli.dump.taking import Taking, Wish, counts, spans_of
from daira_cli.errors import Partial, Usage
from daira_cli.exits import Exit
from daira_cli.moments import moment
from daira_cli.where import Where
from daira_kit.clock import now

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
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Write records as JSON Lines, with a manifest beside the file. People's data are hidden by the contract's class.

    Stopped by Ctrl-C or a kill, the same command goes on and ends with the same file.

    `daira replay dump user.profile-changed.v1 --since 2h --key user:0192… -o bug.jsonl --stack 8080`
    """
    out, at = Output(json), where or Where()
    wish = _wish(topics, wanted or Wanted(), hiding or Hiding())
    if dry_run:
        async with open_log(at.kafka(), at.topic_prefix()) as log:
            return await _foretell(log, wish, out)
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
    for topic in topics:
        for key in wanted.key:
            check_key(key, topic)
    return Wish(
        topics=tuple(dict.fromkeys(topics)),
        since=wanted.since,
        until=wanted.until,
        filters=wanted.filters(),
        redacted=not hiding.unredacted,
        reason=hiding.reason,
        salt=hiding.salt,
    )


async def _foretell(log: Log, wish: Wish, out: Output) -> int:
    """What would be read, and what of it would be hidden; nothing is read."""
    try:
        spans = await spans_of(log, wish)
    except UnknownTopic as error:
        raise _no_such_topic(error) from error
    rows = [(one.topic, one.partition, one.start, one.end, one.end - one.start) for one in spans]
    headers = ("topic", "partition", "from", "to", "records")
    out.table((*headers[:-1], "records at most"), rows)
    hidden = {topic: hidden_in(topic) if wish.redacted else "nothing: --unredacted" for topic in wish.topics}
    for topic, what in hidden.items():
        out.line(f"{topic} would hide {what}")
    most = sum(one.end - one.start for one in spans)
    out.line(f"{most:,} records at most, before filters and what compaction removed; nothing was written")
    partitions = [dict(zip(headers, row, strict=True)) for row in rows]
    out.document({"dryRun": True, "records": most, "partitions": partitions, "hidden": hidden})
    return Exit.OK


def _no_such_topic(error: UnknownTopic) -> Usage:
    return Usage(error.detail, then="daira contracts ls names the topics; is --prefix right?", code=error.code)


async def _take(log: Log, output: Path, wish: Wish, restart: bool, out: Output) -> Manifest:
    try:
        taking = await Taking.begin(log, output, wish, restart=restart)
    except UnknownTopic as error:
        raise _no_such_topic(error) from error
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
