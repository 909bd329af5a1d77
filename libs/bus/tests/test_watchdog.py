"""Clients that hang after a broker restart are thrown away and built again."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaTimeoutError

from daira_bus import consumer as loop
from daira_observe.metrics import CONSUMER_REBUILDS
from daira_testing.delivery import Effects, change, consuming
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(loop, "STUCK_SECONDS", 1.0)


async def hang(_client: AIOKafkaConsumer, **_options: Any) -> Any:
    await asyncio.Event().wait()


async def bring_nothing(_client: AIOKafkaConsumer, **_options: Any) -> Any:
    await asyncio.sleep(0.05)
    return {}


async def be_cancelled_by_itself(_client: AIOKafkaConsumer, **_options: Any) -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize("illness", [hang, bring_nothing, be_cancelled_by_itself])
async def test_a_stuck_client_is_rebuilt_and_the_event_has_its_effect_once(
    illness: Any, make_database: MakeDatabase, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, event = await Effects.create(await make_database()), change()
    healthy = AIOKafkaConsumer.getmany
    sick: set[int] = set()

    async def sometimes_sick(client: AIOKafkaConsumer, **options: Any) -> Any:
        if not sick or id(client) in sick:  # the first client of the run falls ill for ever
            sick.add(id(client))
            return await illness(client, **options)
        return await healthy(client, **options)

    await probe.publish(event)
    before = CONSUMER_REBUILDS._value.get()
    with monkeypatch.context() as patch:
        patch.setattr(AIOKafkaConsumer, "getmany", sometimes_sick)
        async with consuming(effects, probe):
            await eventually(lambda: effects.all_seen([event]))

    assert CONSUMER_REBUILDS._value.get() == before + 1
    assert await effects.count([event]) == {event.event_id: 1}


async def test_a_broker_too_slow_for_the_watch_s_questions_costs_no_rebuild(
    make_database: MakeDatabase, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, event, asked = await Effects.create(await make_database()), change(), asyncio.Event()

    async def no_answer(_client: AIOKafkaConsumer, _partitions: Any) -> Any:
        asked.set()
        raise KafkaTimeoutError

    before = CONSUMER_REBUILDS._value.get()
    with monkeypatch.context() as patch:
        patch.setattr(AIOKafkaConsumer, "end_offsets", no_answer)
        async with consuming(effects, probe):
            await asyncio.wait_for(asked.wait(), 60)
            await probe.publish(event)
            await eventually(lambda: effects.all_seen([event]))

    assert CONSUMER_REBUILDS._value.get() == before
