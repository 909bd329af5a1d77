"""One record: decode → seen before? → handler, all in one transaction; then the ladder of failures."""

import asyncio
import time

import msgspec
from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind, Status, StatusCode

from daira_bus.cancelling import is_cancelled
from daira_bus.dlq import DeadLetters
from daira_bus.errors import NotDecodable, Poison, TooManyDead
from daira_bus.fetching import LogRecord
from daira_bus.subscription import Subscription
from daira_contracts._event import Event
from daira_kit.ids import derived_id
from daira_observe.logs import get_logger, with_fields
from daira_observe.metrics import CONSUME_SECONDS, CONSUMED, CONSUMER_RETRIES
from daira_observe.tracing import caused_by, span
from daira_stores.postgres import Database
from daira_stores.transient import is_transient
from daira_stores.work import Work

logger = get_logger(__name__)
MAX_TRIES = 3
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
DEAD = "dead"
"""The outcome of a record that lies among the dead letters; others are handled, duplicate and ignored."""


class RecordHandler:
    """Handles records of one service; `target` is passed to its handlers as the service."""

    def __init__(
        self, subscriptions: dict[str, Subscription], target: object, database: Database, dead: DeadLetters
    ) -> None:
        """`subscriptions` by full topic name."""
        self._subscriptions, self._target, self._database, self._dead = subscriptions, target, database, dead

    async def handle(self, record: ConsumerRecord) -> str:
        """Until the record is handled or dead-lettered; returns the outcome.

        A dependency that is down is waited for, for as long as it takes. Raises TooManyDead.
        """
        subscription = self._subscriptions[record.topic]
        headers = read_headers(record)
        attributes = {"messaging.destination": record.topic, "messaging.offset": record.offset}
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        # Around all tries: by the lines in here a trace is followed from service to service, and to where it failed.
        with (
            with_fields(**place, event_id=headers.get("ce_id"), handler=subscription.name),
            span(f"consume {subscription.topic}", carrier=headers, kind=SpanKind.CONSUMER, attributes=attributes) as it,
            caused_by(headers.get("ce_id")),
        ):
            outcome = await self._until_done(record, subscription, headers)
            if outcome == DEAD:
                it.set_status(Status(StatusCode.ERROR, DEAD))
            return outcome

    async def _until_done(self, record: ConsumerRecord, subscription: Subscription, headers: dict[str, str]) -> str:
        tries, wait = 0, FIRST_WAIT
        while True:
            try:
                outcome = await self._once(record, subscription, headers)
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                if not is_waited_for(error):
                    tries += 1
                    if isinstance(error, Poison) or tries >= MAX_TRIES:
                        await self._bury(record, error, subscription.name, tries)
                        return DEAD
                CONSUMER_RETRIES.labels(subscription.topic, type(error).__name__).inc()
                logger.warning("handler_retries", error=repr(error), wait_s=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                self._dead.count(dead=False)
                CONSUMED.labels(subscription.topic, outcome).inc()
                return outcome

    async def _once(self, record: ConsumerRecord, subscription: Subscription, headers: dict[str, str]) -> str:
        started = time.perf_counter()
        if record.value is None:
            outcome = await self._remove(record, subscription, headers)
        else:
            outcome = await self._take(decode(record, subscription.event_type), subscription)
        logger.info("record_handled", outcome=outcome, ms=round((time.perf_counter() - started) * 1000, 2))
        return outcome

    async def _take(self, event: Event, subscription: Subscription) -> str:
        started = time.perf_counter()
        async with self._database.work() as work:
            if not await _first_time(work, event.event_id, subscription.name):
                return "duplicate"
            await subscription.handler(event, work, self._target)
        CONSUME_SECONDS.labels(subscription.topic).observe(time.perf_counter() - started)
        return "handled"

    async def _remove(self, record: ConsumerRecord, subscription: Subscription, headers: dict[str, str]) -> str:
        await self._dead.forget(record)
        if subscription.tombstone is None or record.key is None:
            return "ignored"
        # A tombstone has no body, so its place in the log is its identity.
        event_id = derived_id(headers.get("ce_id", ""), record.topic, record.partition, record.offset)
        async with self._database.work() as work:
            if not await _first_time(work, event_id, subscription.name):
                return "duplicate"
            await subscription.tombstone(record.key.decode(), work, self._target)
        return "handled"

    async def _bury(self, record: ConsumerRecord, error: BaseException, handler: str, tries: int) -> None:
        logger.error("record_dead", error=repr(error), exc_info=error)
        wait = FIRST_WAIT
        while True:
            try:
                await self._dead.bury(record, error, handler, tries)
                break
            except (Exception, asyncio.CancelledError) as problem:
                if is_cancelled() or not is_waited_for(problem):
                    raise
                logger.warning("dead_letter_waits", error=repr(problem))
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
        CONSUMED.labels(self._subscriptions[record.topic].topic, "dead").inc()
        if self._dead.count(dead=True):
            raise TooManyDead(f"{record.topic} offset {record.offset}")


def is_waited_for(error: BaseException) -> bool:
    """True for a dependency that is down; a client whose own task was cancelled is one too."""
    return isinstance(error, asyncio.CancelledError) or is_transient(error)


def decode(record: LogRecord, event_type: type[Event]) -> Event:
    """The event in a record. Raises NotDecodable also for a key that is not the event's."""
    try:
        event = msgspec.json.decode(record.value or b"", type=event_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotDecodable(str(error)) from error
    if record.key != event.key_text().encode():
        raise NotDecodable(f"key {record.key!r} is not {event.key_text()!r}")
    return event


def read_headers(record: ConsumerRecord) -> dict[str, str]:
    """Text headers; what a foreign producer wrote in other encodings is replaced, never raised."""
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


async def _first_time(work: Work, event_id: object, handler: str) -> bool:
    cursor = await work.execute(
        "INSERT INTO inbox (event_id, handler) VALUES (%s, %s) ON CONFLICT DO NOTHING", (event_id, handler)
    )
    return cursor.rowcount == 1
