"""The delivery contract on real PostgreSQL and real Kafka: state + outbox → relay → topic → inbox + effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from daira_bus.consumer import Consumer
from daira_bus.errors import Poison
from daira_bus.relay import Relay
from daira_bus.subscription import Subscription, on
from daira_contracts.user import SettingsChangedV1
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


class Ledger:
    """Counts effects in the consumer's own database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.failures: dict[UUID, list[Exception]] = {}

    async def seen(self) -> list[str]:
        async with self.database.read() as work:
            return [row["id"] for row in await work.all("SELECT id FROM effect ORDER BY n")]


async def record_effect(event: SettingsChangedV1, work: Work, ledger: Ledger) -> None:
    await work.execute("INSERT INTO effect (id) VALUES (%s)", (str(event.event_id),))
    if ledger.failures.get(event.event_id):
        raise ledger.failures[event.event_id].pop()


@pytest.fixture
async def ledger(make_database: MakeDatabase) -> Ledger:
    database = await make_database()
    async with database.work() as work:
        await work.execute("CREATE TABLE effect (n bigserial, id text NOT NULL)")
    return Ledger(database)


@asynccontextmanager
async def consuming(ledger: Ledger, probe: TopicProbe, *subscriptions: Subscription) -> AsyncIterator[Consumer]:
    consumer = Consumer(
        service="feed",
        bootstrap=probe.bootstrap,
        subscriptions=subscriptions,
        target=ledger,
        database=ledger.database,
        producer=probe.producer,
        prefix=probe.prefix,
        group=f"g{new_id()}",
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        await asyncio.wait_for(consumer.joined.wait(), 30)
        yield consumer
    finally:
        stop.set()
        await running


@asynccontextmanager
async def relaying(database: Database, probe: TopicProbe) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(database.dsn, probe.producer).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def emit(database: Database, *events: Any) -> None:
    async with database.work() as work:
        for event in events:
            await work.emit(event)


def change() -> SettingsChangedV1:
    return SettingsChangedV1(user_id=new_id())


async def test_a_committed_event_has_its_effect_once(
    ledger: Ledger, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    owner = await make_database()
    event = change()

    async with relaying(owner, probe), consuming(ledger, probe, on(SettingsChangedV1, record_effect)):
        await emit(owner, event)

        await eventually(lambda: _has(ledger, event))
        await probe.publish(event)
        marker = change()
        await probe.publish(marker)
        await eventually(lambda: _has(ledger, marker))

    assert (await ledger.seen()).count(str(event.event_id)) == 1


async def test_a_rolled_back_event_is_never_told(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner = await make_database()
    lost, kept = change(), change()

    async with relaying(owner, probe):
        with pytest.raises(RuntimeError):
            async with owner.work() as work:
                await work.emit(lost)
                raise RuntimeError("the handler failed")
        await emit(owner, kept)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == kept.event_id)

    assert lost.event_id not in {event.event_id for event in await probe.events(SettingsChangedV1)}


async def test_a_late_commit_is_published_after_younger_rows(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner = await make_database()
    early, young = change(), change()

    async with relaying(owner, probe):
        async with owner.work() as work:
            await work.emit(early)
            await emit(owner, young)
            await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == young.event_id)

        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == early.event_id)


async def test_a_dependency_that_is_down_is_waited_for(ledger: Ledger, probe: TopicProbe) -> None:
    event = change()
    ledger.failures[event.event_id] = [Unavailable() for _ in range(5)]

    async with consuming(ledger, probe, on(SettingsChangedV1, record_effect)):
        await probe.publish(event)
        await eventually(lambda: _has(ledger, event))

    assert (await ledger.seen()).count(str(event.event_id)) == 1


async def test_poison_goes_to_the_dead_letters_and_its_neighbours_flow(ledger: Ledger, probe: TopicProbe) -> None:
    first, second = SettingsChangedV1(user_id=new_id()), change()
    ledger.failures[first.event_id] = [Poison("never")]
    topic = SettingsChangedV1.topic

    async with consuming(ledger, probe, on(SettingsChangedV1, record_effect)):
        dead_before = len(await probe.records(f"{topic}.dlq.feed"))
        await probe.publish(first)
        await eventually(lambda: _dead(probe, topic, dead_before))
        await probe.producer.send(topic, str(second.user_id).encode(), b"\xff not json", [("bad", b"\xff\xfe")])
        await probe.publish(second)
        await eventually(lambda: _has(ledger, second))

    letters = (await probe.records(f"{topic}.dlq.feed"))[dead_before:]
    codes = {dict(letter.headers)["daira-error-code"] for letter in letters}
    assert {b"poison", b"not_decodable"} <= codes
    assert str(first.event_id) not in await ledger.seen()


async def _has(ledger: Ledger, event: SettingsChangedV1) -> bool:
    return str(event.event_id) in await ledger.seen()


async def _dead(probe: TopicProbe, topic: str, before: int) -> bool:
    return len(await probe.records(f"{topic}.dlq.feed")) > before
