"""A producer whose broker fell silent: what was given up stays given up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from daira_bus.errors import BrokerUnavailable
from daira_bus.producer import Producer, open_producer
from daira_contracts.user import SettingsChangedV1
from daira_testing.delivery import change
from daira_testing.topics import TopicProbe


@pytest.fixture
async def producer(probe: TopicProbe) -> AsyncIterator[Producer]:
    async with open_producer(probe.bootstrap, "user", probe.prefix) as opened:
        yield opened


async def silence(producer: Producer) -> tuple[asyncio.Event, asyncio.Event]:
    """From now on requests of the current client set the first event and wait for the second."""
    client, asked, speak = producer._client, asyncio.Event(), asyncio.Event()
    assert client is not None
    send = client.client.send

    async def later(*arguments: Any, **named: Any) -> Any:
        asked.set()
        await speak.wait()
        return await send(*arguments, **named)

    client.client.send = later
    return asked, speak


async def test_a_record_that_was_given_up_does_not_arrive_behind_newer_ones(
    producer: Producer, probe: TopicProbe
) -> None:
    first, on_its_way, given_up, newer = change(), change(), change(), change()
    await producer.publish(first, timeout=10)
    asked, speak = await silence(producer)
    stuck = asyncio.create_task(producer.publish(on_its_way, timeout=10))
    await asked.wait()
    with pytest.raises(BrokerUnavailable):
        await producer.publish(given_up, timeout=0.2)
    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(stuck, 5)  # told at once, not after its own ten seconds

    await producer.publish(newer, timeout=10)
    speak.set()
    await asyncio.wait_for(_arrived(probe, newer), 20)
    await producer.publish(first, timeout=10)

    told = [event.event_id for event in await probe.events(SettingsChangedV1)]
    assert given_up.event_id not in told


async def test_a_client_that_cancels_its_own_work_is_thrown_away_and_the_next_record_arrives(
    producer: Producer, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    await producer.publish(change(), timeout=10)
    ill, newer = producer._client, change()
    assert ill is not None

    async def cut_off(*_arguments: Any, **_named: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(ill, "send", cut_off)
    with pytest.raises(BrokerUnavailable):
        await producer.publish(change(), timeout=10)
    await producer.publish(newer, timeout=10)

    assert producer._client is not ill
    await asyncio.wait_for(_arrived(probe, newer), 20)


async def _arrived(probe: TopicProbe, wanted: SettingsChangedV1) -> None:
    await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == wanted.event_id)


async def test_whoever_fails_late_leaves_the_next_client_alone(producer: Producer) -> None:
    await producer.publish(change(), timeout=10)
    await silence(producer)
    slow = asyncio.create_task(producer.publish(change(), timeout=1.5))
    with pytest.raises(BrokerUnavailable):
        await producer.publish(change(), timeout=0.1)
    await producer.publish(change(), timeout=10)
    fresh = producer._client

    with pytest.raises(BrokerUnavailable):
        await slow

    assert fresh is not None
    assert producer._client is fresh
