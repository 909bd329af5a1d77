"""What the topics hold of a trace."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec

from daira_bus.letters import DISCARDED, DUPLICATE, FAILED_AGAIN, HANDLED, SUPERSEDED, Letter, Pile
from daira_bus.log import Log, LogRecord
from daira_bus.redrive import place
from daira_cli.dlq.hiding import error_shown
from daira_cli.trace.nodes import Kind, Node, Place, State, trace_of
from daira_contracts.topics import NAME
from daira_stores.work import CAUSE

MENDED = {HANDLED, DUPLICATE, SUPERSEDED, DISCARDED}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A record's place and what its headers say."""

    place: Place
    at: datetime
    key: str
    event_id: str
    trace_id: str
    span: str
    cause: str
    """The event in whose handling it was told."""


Accept = Callable[[Seen, bytes | None], bool]


async def read_seen(
    log: Log, since: datetime, topics: Iterable[str], word: str, accept: Accept, advance: Callable[[float], None]
) -> list[Seen]:
    """Records since then that hold `word` and that `accept(seen, value)` likes.

    `advance(count)` tells how many were looked at.

    All topics but the dead letters when `topics` is empty. Raises BrokerUnavailable, UnknownTopic.
    """
    wanted = list(topics) or [name for name in await log.topics() if is_told(name)]
    found, needle = [], word.encode()
    async for batch in log.read(await log.spans(wanted, since=since)):
        for record in batch.records:
            if not _holds(record, needle):  # nearly all: they are not taken apart
                continue
            seen = _seen(batch.topic, batch.partition, record)
            if accept(seen, record.value):
                found.append(seen)
        advance(len(batch.records))
    return found


def record_node(seen: Seen) -> Node:
    """A record, owned by the service that its topic begins with."""
    topic, partition, offset = seen.place
    return Node(
        id=f"record {topic} {partition}:{offset}",
        kind=Kind.RECORD,
        at=seen.at,
        service=topic.partition(".")[0],
        what=f"{topic} {partition}:{offset}",
        detail=seen.key,
        trace_id=seen.trace_id,
        span=seen.span,
        event_id=seen.event_id,
        place=seen.place,
    )


def letter_node(letter: Letter, pile: Pile) -> Node:
    """A dead letter: failed while it is open, mended when somebody has settled it."""
    settled = pile.settled.get(letter.id)
    how = settled.how if settled else "open"
    trace_id, _ = trace_of(letter.header("traceparent"))
    state = State.MENDED if how in MENDED else State.RETRIED if how == FAILED_AGAIN else State.FAILED
    return Node(
        id=letter.id,
        kind=Kind.LETTER,
        at=letter.died_at,
        service=letter.service,
        what=f"dead letter {letter.id}: {how}" + (f" by {settled.who}" if settled and settled.who else ""),
        state=state,
        detail=f"{letter.handler}: {letter.code}: {error_shown(letter.error.partition(chr(10))[0])}",
        trace_id=trace_id,
        event_id=letter.header("ce_id"),
        place=place(letter),
    )


def is_told(topic: str) -> bool:
    """Whether a topic is one of the services' own, not a place for dead letters, the broker's or of another prefix."""
    return NAME.fullmatch(topic) is not None


def _holds(record: LogRecord, needle: bytes) -> bool:
    if needle in (record.value or b"") or needle in (record.key or b""):
        return True
    return any(needle in value for _, value in record.headers if value)


def _seen(topic: str, partition: int, record: LogRecord) -> Seen:
    headers = {name: value for name, value in record.headers if value is not None}

    def said(name: str) -> str:
        value: bytes = headers.get(name, b"")
        return value.decode(errors="replace")

    trace_id, span = trace_of(said("traceparent"))
    return Seen(
        place=(topic, partition, record.offset),
        at=datetime.fromtimestamp(max(record.timestamp, 0) / 1000, tz=UTC),
        key=(record.key or b"").decode(errors="replace"),
        event_id=said("ce_id"),
        trace_id=trace_id,
        span=span,
        cause=said(CAUSE),
    )
