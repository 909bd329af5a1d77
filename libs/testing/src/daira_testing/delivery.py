"""A small service of the tests' own: counts effects in its own database, so that delivery can be judged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any
from uuid import UUID

from daira_bus.consumer import Consumer
from daira_bus.jobs import Job, JobRunner, job
from daira_bus.producer import open_producer
from daira_bus.relay import Relay
from daira_bus.subscription import Subscription, TombstoneHandler, on, on_batch
from daira_contracts._event import Event
from daira_contracts.user import SettingsChangedV1
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.topics import TopicProbe
from daira_testing.waiting import PATIENCE


class Effects:
    """What the handler did; `failures` by event id are raised, last first, after the effect was written."""

    def __init__(self, database: Database, subscription: Subscription | None = None) -> None:
        """`subscription` is what `consuming` listens to unless it is told otherwise."""
        self.database = database
        self.subscription = subscription or RECORD_EFFECT
        self.failures: dict[UUID, list[Exception]] = {}
        self.hold = asyncio.Event()
        self.hold.set()

    @classmethod
    async def create(cls, database: Database, subscription: Subscription | None = None) -> "Effects":
        """Adds the table of effects to `database`."""
        async with database.work() as work:
            await work.execute("CREATE TABLE effect (n bigserial PRIMARY KEY, id uuid NOT NULL, revision int NOT NULL)")
        return cls(database, subscription)

    async def ids(self) -> list[UUID]:
        """Ids of handled events, in the order of their effects."""
        async with self.database.read() as work:
            return [row["id"] for row in await work.all("SELECT id FROM effect ORDER BY n")]

    async def count(self, events: Sequence[Event]) -> dict[UUID, int]:
        """How often each of `events` had its effect."""
        seen = await self.ids()
        return {event.event_id: seen.count(event.event_id) for event in events}

    async def all_seen(self, events: Sequence[Event]) -> bool:
        """True when each of `events` had its effect at least once."""
        return {event.event_id for event in events} <= set(await self.ids())


async def record_effect(event: SettingsChangedV1, work: Work, effects: Effects) -> None:
    """The handler under test."""
    await work.execute("INSERT INTO effect (id, revision) VALUES (%s, %s)", (event.event_id, event.revision))
    await effects.hold.wait()
    if effects.failures.get(event.event_id):
        raise effects.failures[event.event_id].pop()


async def work_once(job: Job, effects: Effects) -> None:
    """The job under test: run twice, its effect is there once."""
    async with effects.database.work() as work:
        await work.execute(
            """
            INSERT INTO effect (id, revision)
            SELECT %(id)s, 1 WHERE NOT EXISTS (SELECT 1 FROM effect WHERE id = %(id)s)
            """,
            {"id": UUID(job.key)},
        )


def on_each(
    event_type: type[Event],
    handler: Callable[[Any, Work, Any], Awaitable[None]],
    *,
    tombstone: TombstoneHandler | None = None,
) -> Subscription:
    """As `on`, through batches: for what must be the same either way."""

    @wraps(handler)
    async def each(events: Sequence[Any], work: Work, service: Any) -> None:
        for event in events:
            await handler(event, work, service)

    return on_batch(event_type, each, tombstone=tombstone)


RECORD_EFFECT = on(SettingsChangedV1, record_effect)
RECORD_EFFECTS = on_each(SettingsChangedV1, record_effect)


def change(user_id: UUID | None = None, revision: int = 1) -> SettingsChangedV1:
    """A fresh event."""
    return SettingsChangedV1(user_id=user_id or new_id(), revision=revision)


async def emit(database: Database, *events: Event) -> None:
    """All events in one transaction of their owner."""
    async with database.work() as work:
        for event in events:
            await work.emit(event)


@asynccontextmanager
async def consuming(
    effects: Effects,
    probe: TopicProbe,
    *,
    group: str | None = None,
    subscription: Subscription | None = None,
    session_seconds: float = 15.0,
) -> AsyncIterator[Consumer]:
    """A running consumer that has its partitions; see Consumer for `session_seconds`."""
    async with open_producer(probe.bootstrap, "feed", probe.prefix) as producer:
        consumer = Consumer(
            service="feed",
            bootstrap=probe.bootstrap,
            subscriptions=[subscription or effects.subscription],
            target=effects,
            database=effects.database,
            producer=producer,
            prefix=probe.prefix,
            group=group or f"g{new_id()}",
            session_seconds=session_seconds,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        try:
            await asyncio.wait_for(consumer.joined.wait(), PATIENCE)
            yield consumer
        finally:
            stop.set()
            await running


@asynccontextmanager
async def relaying(database: Database, probe: TopicProbe) -> AsyncIterator[None]:
    """A running relay with a producer of its own."""
    async with open_producer(probe.bootstrap, "user", probe.prefix) as producer:
        stop = asyncio.Event()
        running = asyncio.create_task(Relay(database.dsn, producer).run(stop))
        try:
            yield
        finally:
            stop.set()
            await running


@asynccontextmanager
async def working(effects: Effects) -> AsyncIterator[None]:
    """A running worker for jobs of the kind `build`."""
    stop = asyncio.Event()
    runner = JobRunner(effects.database, [job("build", work_once, lease_seconds=0.5)], effects, idle_seconds=0.1)
    running = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
