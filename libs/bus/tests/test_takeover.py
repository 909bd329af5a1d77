"""A relay that lost its lock without noticing: what it still sends does not arrive behind its successor's records."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import aiokafka.client
import pytest

from daira_bus.producer import open_producer
from daira_bus.relay import LOCK_CLASS, Relay
from daira_contracts.user import SettingsChangedV1
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_testing.delivery import change, emit, relaying
from daira_testing.fixtures import MakeDatabase
from daira_testing.gate import Gate
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

goes_through_the_gate: ContextVar[bool] = ContextVar("goes_through_the_gate", default=False)


@pytest.fixture
async def gate(probe: TopicProbe) -> AsyncIterator[Gate]:
    async with Gate(f"kafka://{probe.bootstrap}") as gate:
        yield gate


@pytest.fixture
def detour(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called in a task, it leads all connections of that task to brokers through the gate, also those they name."""
    connect = aiokafka.client.create_conn

    async def connect_somewhere(host: str, port: int, **named: Any) -> Any:
        if goes_through_the_gate.get():
            host, port = "127.0.0.1", urlsplit(gate.url).port or 0
        return await connect(host, port, **named)

    monkeypatch.setattr(aiokafka.client, "create_conn", connect_somewhere)

    def lead() -> None:
        goes_through_the_gate.set(True)

    return lead


@asynccontextmanager
async def far_relay(owner: Database, probe: TopicProbe, detour: Callable[[], None]) -> AsyncIterator[Relay]:
    """A relay behind the gate."""
    async with open_producer(probe.bootstrap, "user", probe.prefix) as producer:
        relay, stop = Relay(owner.dsn, producer), asyncio.Event()

        async def run() -> None:
            detour()
            await relay.run(stop)

        running = asyncio.create_task(run())
        try:
            yield relay
        finally:
            stop.set()
            await running


async def end_the_relay_that_is_sending(owner: Database) -> bool:
    """Once the newest that the lock's connection did is reading the rows that there are now."""
    async with owner.work() as work:
        ended = await work.all(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%%FROM outbox%%' AND state = 'idle'
                AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s)
                AND query_start > (SELECT max(created_at) FROM outbox)
            """,
            (LOCK_CLASS,),
        )
    return bool(ended)


async def test_a_record_held_up_in_the_network_does_not_overtake_the_next_relays_newer_one(
    make_database: MakeDatabase, probe: TopicProbe, gate: Gate, detour: Callable[[], None]
) -> None:
    owner, person = await make_database(), new_id()
    first, older, newer = (change(person, revision) for revision in (1, 2, 3))

    async with far_relay(owner, probe, detour) as overtaken:
        await emit(owner, first)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == first.event_id)
        gate.shut()
        await emit(owner, older)
        await eventually(lambda: end_the_relay_that_is_sending(owner))
        async with relaying(owner, probe):
            await emit(owner, newer)
            await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == newer.event_id)
            gate.open()
            await eventually(lambda: _waits(overtaken))

    told = [event.revision for event in await probe.events(SettingsChangedV1) if event.user_id == person]
    assert told[0] == 1
    assert told[-1] == 3


async def _waits(relay: Relay) -> bool:
    return relay.last_error is not None
