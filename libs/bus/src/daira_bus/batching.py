"""What a partition has queued: many records in one transaction where their subscription takes many.

The guarantees are those of `handling`: inbox rows, effect and outbox rows are one transaction, and the offset follows.
Whatever goes wrong with many is left to the ladder of failures for one, so a bad record costs only itself.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from uuid import UUID

from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind

from daira_bus.cancelling import is_cancelled
from daira_bus.dlq import DeadLetters
from daira_bus.errors import NotDecodable
from daira_bus.handling import RecordHandler, decode, read_headers
from daira_bus.subscription import ManyHandler, Subscription
from daira_contracts._event import Event
from daira_observe.logs import get_logger
from daira_observe.metrics import CONSUME_SECONDS, CONSUMED, CONSUMER_RETRIES
from daira_observe.tracing import caused_by, span
from daira_stores.arrays import columns_of
from daira_stores.postgres import Database
from daira_stores.work import Work

logger = get_logger(__name__)
Entry = tuple[ConsumerRecord, Event | None]
"""A record and its event; None where it goes alone: a tombstone, or what cannot be decoded."""


class BatchHandler:
    """Handles records of one service as they lie in a partition; `target` is passed to its handlers as the service."""

    def __init__(
        self, subscriptions: dict[str, Subscription], target: object, database: Database, dead: DeadLetters
    ) -> None:
        """`subscriptions` by full topic name."""
        self._subscriptions, self._target, self._database, self._dead = subscriptions, target, database, dead
        self._single = RecordHandler(subscriptions, target, database, dead)

    def takes_many(self, topic: str) -> bool:
        """Whether it pays to hand over more than one record of a topic at once."""
        return self._subscriptions[topic].many is not None

    async def handle(self, records: Sequence[ConsumerRecord]) -> AsyncGenerator[ConsumerRecord]:
        """Records of one partition in offset order. After each step its last record: all up to it is done.

        Raises TooManyDead.
        """
        subscription = self._subscriptions[records[0].topic]
        for run in runs(records, subscription):
            if len(run) > 1 and subscription.many and await self._together(run, subscription, subscription.many):
                yield run[-1][0]
                continue
            for record, _ in run:
                await self._single.handle(record)
                yield record

    async def _together(self, run: Sequence[Entry], subscription: Subscription, many: ManyHandler) -> bool:
        """False when nothing was done, for whatever reason: one at a time will show which record it was."""
        started = time.perf_counter()
        first = run[0][0]
        attributes = {"messaging.destination": first.topic, "messaging.batch.message_count": len(run)}
        events = _firsts(run)
        try:
            # A trace of its own and no cause: what is told in here is told because of all of them.
            with span(f"consume {subscription.topic}", kind=SpanKind.CONSUMER, attributes=attributes), caused_by(None):
                new = await self._take(events, subscription.name, many)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            CONSUMER_RETRIES.labels(subscription.topic, type(error).__name__).inc()
            logger.warning("batch_taken_apart", topic=first.topic, records=len(run), error=repr(error))
            return False
        self._note(run, new, subscription, time.perf_counter() - started)
        return True

    async def _take(self, events: dict[UUID, Event], handler: str, many: ManyHandler) -> set[UUID]:
        """Handles those that are new, each once, and returns their ids."""
        async with self._database.work() as work:
            new = await _first_times(work, list(events), handler)
            if new:
                await many([event for event_id, event in events.items() if event_id in new], work, self._target)
        return new

    def _note(self, run: Sequence[Entry], new: set[UUID], subscription: Subscription, seconds: float) -> None:
        CONSUME_SECONDS.labels(subscription.topic).observe(seconds)
        CONSUMED.labels(subscription.topic, "handled").inc(len(new))
        CONSUMED.labels(subscription.topic, "duplicate").inc(len(run) - len(new))
        for _ in run:
            self._dead.count(dead=False)
        for trace in by_trace(run):
            _tell(trace, new, subscription, seconds)


def runs(records: Sequence[ConsumerRecord], subscription: Subscription) -> Iterator[list[Entry]]:
    """Neighbours that can be taken together, in order; each record alone where the subscription takes one."""
    run: list[Entry] = []
    for record in records:
        event = _read(record, subscription)
        if event is not None:
            run.append((record, event))
            continue
        if run:
            yield run
        yield [(record, None)]
        run = []
    if run:
        yield run


def by_trace(run: Sequence[Entry]) -> list[list[Entry]]:
    """Entries whose records were sent in the same span: the events of one request, say."""
    found: dict[str, list[Entry]] = {}
    for entry in run:
        found.setdefault(read_headers(entry[0]).get("traceparent", ""), []).append(entry)
    return list(found.values())


def _tell(trace: Sequence[Entry], new: set[UUID], subscription: Subscription, seconds: float) -> None:
    """One line for each request that is answered for in here, at the place of its first record."""
    record, event = trace[0]
    outcome = "handled" if any(event and event.event_id in new for _, event in trace) else "duplicate"
    with span(f"consume {subscription.topic}", carrier=read_headers(record), kind=SpanKind.CONSUMER):
        logger.info(
            "record_handled",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_id=str(event.event_id) if event else None,
            handler=subscription.name,
            outcome=outcome,
            records=len(trace),
            ms=round(seconds * 1000, 2),
        )


def _firsts(run: Sequence[Entry]) -> dict[UUID, Event]:
    """Of each id the first, as one by one: what a batch wrote elsewhere stays when it is taken apart."""
    found: dict[UUID, Event] = {}
    for _, event in run:
        if event is not None:
            found.setdefault(event.event_id, event)
    return found


def _read(record: ConsumerRecord, subscription: Subscription) -> Event | None:
    if subscription.many is None or record.value is None:
        return None
    try:
        return decode(record, subscription.event_type)
    except NotDecodable:
        return None


async def _first_times(work: Work, event_ids: list[UUID], handler: str) -> set[UUID]:
    rows = await work.all(
        """
        INSERT INTO inbox (event_id, handler) SELECT id, %s FROM unnest(%s::uuid[]) AS one (id)
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        (handler, *columns_of((event_id,) for event_id in event_ids)),
    )
    return {row["event_id"] for row in rows}
