"""Broadcast topics reach every process, whole, and survive a restart without Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from daira_bus import broadcast
from daira_bus.broadcast import BroadcastReader, view
from daira_bus.producer import open_producer
from daira_contracts.auth import KeyState, SessionRevokedV1, SigningKeyChangedV1
from daira_contracts.user import SettingsChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import PATIENCE, eventually

NOWHERE = "127.0.0.1:9"


class Memory:
    """What one process knows."""

    def __init__(self) -> None:
        self.revoked: set[UUID] = set()
        self.keys: set[str] = set()

    def put(self, event: SessionRevokedV1) -> None:
        self.revoked.add(event.session_id)

    def remove(self, key: str) -> None:
        self.revoked.discard(UUID(key))

    def put_key(self, event: SigningKeyChangedV1) -> None:
        self.keys.add(event.kid)


@asynccontextmanager
async def reading(
    database: Database, probe: TopicProbe, memory: Memory, bootstrap: str | None = None
) -> AsyncIterator[BroadcastReader]:
    views = [
        view(SessionRevokedV1, memory.put, memory.remove),
        view(SigningKeyChangedV1, memory.put_key, memory.keys.discard),
    ]
    reader = BroadcastReader(bootstrap or probe.bootstrap, database, views, probe.prefix)
    stop = asyncio.Event()
    running = asyncio.create_task(reader.run(stop))
    try:
        yield reader
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


def revocation() -> SessionRevokedV1:
    return SessionRevokedV1(session_id=new_id(), user_id=new_id(), revoked_at=now(), expires_at=now(), reason="test")


def signing_key() -> SigningKeyChangedV1:
    return SigningKeyChangedV1(
        kid=str(new_id()),
        state=KeyState.ACTIVE,
        public_key_x="x",
        public_key_y="y",
        not_before=now(),
        root_signature="",
    )


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made: Database = await make_database()
    return made


async def test_what_was_told_before_is_known_when_it_says_ready(database: Database, probe: TopicProbe) -> None:
    told, memory = [revocation() for _ in range(20)], Memory()
    await probe.publish(*told)

    async with reading(database, probe, memory) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)

    assert {event.session_id for event in told} <= memory.revoked


async def test_what_is_told_later_reaches_every_process(
    database: Database, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    one, two, told = Memory(), Memory(), revocation()

    async with reading(database, probe, one) as first, reading(await make_database(), probe, two) as second:
        await asyncio.gather(*(asyncio.wait_for(reader.ready.wait(), PATIENCE) for reader in (first, second)))
        await probe.publish(told)
        await eventually(lambda: _knows(one, told))
        await eventually(lambda: _knows(two, told))


async def test_a_client_that_brings_nothing_any_more_is_rebuilt(
    database: Database, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, event, healthy, ill = Memory(), revocation(), AIOKafkaConsumer.getmany, list[AIOKafkaConsumer]()

    async def sometimes_nothing(client: AIOKafkaConsumer, **options: Any) -> Any:
        if client in ill:
            await asyncio.sleep(0.05)
            return {}
        return await healthy(client, **options)

    async def fall_ill(client: AIOKafkaConsumer, **options: Any) -> Any:
        ill.append(client)
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", sometimes_nothing)
        return {}

    monkeypatch.setattr(broadcast, "STUCK_SECONDS", 0.3)
    async with reading(database, probe, memory) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", fall_ill)
        await eventually(lambda: _is_ill(ill))
        await probe.publish(event)

        await eventually(lambda: _knows(memory, event))


async def test_a_restart_without_kafka_knows_what_was_known(database: Database, probe: TopicProbe) -> None:
    told, key, before, after = revocation(), signing_key(), Memory(), Memory()
    await probe.publish(told, key)
    async with reading(database, probe, before) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)

    async with reading(database, probe, after, NOWHERE) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)

    assert told.session_id in after.revoked
    assert key.kid in after.keys


async def test_a_topic_that_was_lost_takes_nothing_saved_along(database: Database, probe: TopicProbe) -> None:
    saved, known = SettingsChangedV1(user_id=new_id(), revision=1), set[str]()  # nobody tells these here
    name = f"{probe.prefix}{SettingsChangedV1.topic}"
    row = (name, saved.key_text(), msgspec.json.encode(saved))
    async with database.work() as work:
        await work.execute("INSERT INTO broadcast VALUES (%s, %s, %s, 1)", row)
    one = view(SettingsChangedV1, lambda event: known.add(event.key_text()), known.discard)
    reader, stop = BroadcastReader(probe.bootstrap, database, [one], probe.prefix), asyncio.Event()
    running = asyncio.create_task(reader.run(stop))

    await asyncio.wait_for(reader.ready.wait(), PATIENCE)
    stop.set()
    await asyncio.wait_for(running, 30)

    assert known == {saved.key_text()}


async def test_a_tombstone_with_a_foreign_key_is_passed_over(database: Database, probe: TopicProbe) -> None:
    told, memory = revocation(), Memory()

    async with open_producer(probe.bootstrap, "auth", probe.prefix) as producer:
        await producer.send(SessionRevokedV1.topic, b"no uuid", None, [])
    async with reading(database, probe, memory) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)
        await probe.publish(told)
        await eventually(lambda: _knows(memory, told))


async def test_a_first_start_without_kafka_is_not_ready(database: Database, probe: TopicProbe) -> None:
    async with reading(database, probe, Memory(), NOWHERE) as reader:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.ready.wait(), 3)


async def test_what_was_told_while_it_was_away_is_known_when_it_says_ready(
    database: Database, probe: TopicProbe
) -> None:
    key, missed, memory = signing_key(), revocation(), Memory()
    await probe.publish(key)
    async with reading(database, probe, Memory()) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)
    await probe.publish(missed)

    async with reading(database, probe, memory) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)

        assert missed.session_id in memory.revoked


async def test_a_removed_key_is_forgotten_also_by_who_was_away(database: Database, probe: TopicProbe) -> None:
    gone, memory = revocation(), Memory()
    async with database.work() as work:  # saved by an earlier run; the topic no longer has even a tombstone
        await work.execute(
            "INSERT INTO broadcast (topic, key, value, revision) VALUES (%s, %s, %s, 1)",
            (probe.prefix + SessionRevokedV1.topic, str(gone.session_id), _encode(gone)),
        )

    async with reading(database, probe, memory) as reader:
        await asyncio.wait_for(reader.ready.wait(), PATIENCE)

    assert gone.session_id not in memory.revoked
    async with database.read() as work:
        assert str(gone.session_id) not in {row["key"] for row in await work.all("SELECT key FROM broadcast")}


async def test_a_tombstone_removes_and_a_bad_record_harms_nobody(database: Database, probe: TopicProbe) -> None:
    told, after, memory = revocation(), revocation(), Memory()
    key = str(told.session_id).encode()

    async with reading(database, probe, memory):
        await probe.publish(told)
        await eventually(lambda: _knows(memory, told))
        await probe.producer.send(SessionRevokedV1.topic, key, b"\xff no json", [])
        await probe.producer.send(SessionRevokedV1.topic, key, None, [])
        await probe.publish(after)
        await eventually(lambda: _knows(memory, after))
        await eventually(lambda: _forgot(memory, told))


def _encode(event: SessionRevokedV1) -> bytes:
    return msgspec.json.encode(event)


async def _is_ill(ill: list[AIOKafkaConsumer]) -> bool:
    return bool(ill)


async def _knows(memory: Memory, event: SessionRevokedV1) -> bool:
    return event.session_id in memory.revoked


async def _forgot(memory: Memory, event: SessionRevokedV1) -> bool:
    return event.session_id not in memory.revoked
