"""What happens to events while the servers under them die and come back. Needs a stack of its own."""

import asyncio
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from daira_bus.errors import Poison
from daira_bus.subscription import Subscription
from daira_contracts._event import Event
from daira_contracts.user import SettingsChangedV1
from daira_devtools.stack import Stack
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_testing.delivery import RECORD_EFFECT, RECORD_EFFECTS, Effects, change, consuming, emit, relaying, working
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

either = pytest.mark.parametrize("subscription", [RECORD_EFFECT, RECORD_EFFECTS], ids=["one", "many"])


@either
async def test_a_broker_killed_and_restarted_loses_and_doubles_nothing(
    subscription: Subscription, own_stack: Stack, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    owner, effects = await make_database(), await Effects.create(await make_database(), subscription)
    events = [change() for _ in range(60)]

    async with relaying(owner, probe), consuming(effects, probe):
        await emit(owner, *events[:20])
        await eventually(lambda: effects.all_seen(events[:20]))
        await own_stack.stop("kafka", kill=True)
        await emit(owner, *events[20:40])
        await own_stack.start("kafka")
        await emit(owner, *events[40:])
        await eventually(lambda: effects.all_seen(events))

    assert set((await effects.count(events)).values()) == {1}


@either
async def test_a_database_killed_and_restarted_loses_and_doubles_nothing(
    subscription: Subscription, own_stack: Stack, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    owner, effects = await make_database(), await Effects.create(await make_database(), subscription)
    events = [change() for _ in range(40)]

    async with relaying(owner, probe), consuming(effects, probe):
        await emit(owner, *events[:20])
        await own_stack.stop("postgres", kill=True)
        await own_stack.start("postgres")
        await eventually(lambda: _emitted(owner, events[20:]))
        await eventually(lambda: effects.all_seen(events))

    assert set((await effects.count(events)).values()) == {1}


@either
async def test_a_consumer_killed_at_any_moment_loses_and_doubles_nothing(
    subscription: Subscription, make_database: MakeDatabase, probe: TopicProbe, spawn: Any
) -> None:
    effects, group = await Effects.create(await make_database(), subscription), f"g{new_id()}"
    events = [change() for _ in range(120)]

    for round_number in range(4):
        child = spawn(effects.database, group, many=subscription is RECORD_EFFECTS)
        await probe.publish(*events[round_number * 30 : (round_number + 1) * 30])
        await eventually(lambda: effects.all_seen(events[:1]))
        await asyncio.sleep(0.15 * round_number)
        child.send_signal(signal.SIGKILL)
        child.wait()
    async with consuming(effects, probe, group=group):
        await eventually(lambda: effects.all_seen(events))

    assert set((await effects.count(events)).values()) == {1}


async def test_a_zombie_consumer_has_no_effect_of_its_own(
    make_database: MakeDatabase, probe: TopicProbe, spawn: Any
) -> None:
    effects, group = await Effects.create(await make_database()), f"g{new_id()}"
    events = [change() for _ in range(60)]
    zombie = spawn(effects.database, group)

    await probe.publish(*events[:10])
    await eventually(lambda: effects.all_seen(events[:10]))
    zombie.send_signal(signal.SIGSTOP)
    await probe.publish(*events[10:])
    async with consuming(effects, probe, group=group):  # takes over when the session times out
        await eventually(lambda: effects.all_seen(events))
        zombie.send_signal(signal.SIGCONT)
        late = change()
        await probe.publish(late)
        await eventually(lambda: effects.all_seen([late]))

    assert set((await effects.count(events)).values()) == {1}


@either
@pytest.mark.parametrize("crash_at", ["handler", "acknowledging"])
async def test_a_consumer_that_ends_between_two_steps_loses_and_doubles_nothing(
    crash_at: str, subscription: Subscription, make_database: MakeDatabase, probe: TopicProbe, cut_off: Any
) -> None:
    effects, group = await Effects.create(await make_database(), subscription), f"g{new_id()}"
    person = new_id()
    events = [change(person, revision) for revision in range(1, 6)]
    await probe.publish(*events)
    await cut_off(effects.database, group, crash_at, many=subscription is RECORD_EFFECTS)
    async with consuming(effects, probe, group=group):
        await eventually(lambda: effects.all_seen(events))

    assert set((await effects.count(events)).values()) == {1}


async def test_a_relay_that_ends_between_sending_and_marking_tells_everything_once(
    make_database: MakeDatabase, probe: TopicProbe, cut_off: Any
) -> None:
    owner, effects = await make_database(), await Effects.create(await make_database())
    events = [change() for _ in range(10)]
    await emit(owner, *events)

    await cut_off(owner, "relay", "marking")
    async with relaying(owner, probe), consuming(effects, probe):
        await eventually(lambda: effects.all_seen(events))

    told = [event.event_id for event in await probe.events(SettingsChangedV1)]
    assert all(told.count(event.event_id) >= 2 for event in events)
    assert set((await effects.count(events)).values()) == {1}


async def test_a_relay_that_ends_with_half_a_batch_sent_keeps_the_order_and_tells_everything_once(
    make_database: MakeDatabase, probe: TopicProbe, cut_off: Any
) -> None:
    owner, effects, person = await make_database(), await Effects.create(await make_database()), new_id()
    events = [change(person, revision) for revision in range(1, 11)]
    await emit(owner, *events)

    await cut_off(owner, "relay", "sending")
    async with relaying(owner, probe), consuming(effects, probe):
        await eventually(lambda: effects.all_seen(events))

    told = [event.revision for event in await probe.events(SettingsChangedV1) if event.user_id == person]
    assert told == [1, 2, 3, 4, 5, *range(1, 11)]
    assert set((await effects.count(events)).values()) == {1}


async def test_a_consumer_that_ends_after_its_dead_letter_buries_the_same_record_again_and_goes_on(
    make_database: MakeDatabase, probe: TopicProbe, cut_off: Any
) -> None:
    effects, group = await Effects.create(await make_database()), f"g{new_id()}"
    poison, neighbour = change(), change()
    effects.failures[poison.event_id] = [Poison("never")]
    await probe.publish(poison, neighbour)

    async def letters() -> list[bytes]:
        found = await probe.records(f"{SettingsChangedV1.topic}.dlq.feed")
        return [dict(one.headers)["daira-original-offset"] for one in found if one.key == poison.key_text().encode()]

    await cut_off(effects.database, group, "burying")
    async with consuming(effects, probe, group=group):
        await eventually(lambda: effects.all_seen([neighbour]))
        await eventually(letters)

    assert len(set(await letters())) == 1
    assert await effects.count([poison, neighbour]) == {poison.event_id: 0, neighbour.event_id: 1}


async def test_a_worker_that_ends_between_a_jobs_effect_and_its_end_has_the_effect_once(
    make_database: MakeDatabase, cut_off: Any
) -> None:
    effects, subject = await Effects.create(await make_database()), new_id()
    async with effects.database.work() as work:
        await work.enqueue("build", str(subject))

    await cut_off(effects.database, "worker", "finishing")
    assert await effects.ids() == [subject]
    async with working(effects):
        await eventually(lambda: _no_jobs(effects.database))

    assert await effects.ids() == [subject]


async def _no_jobs(database: Database) -> bool:
    async with database.read() as work:
        return not await work.all("SELECT 1 FROM job")


async def _emitted(owner: Database, events: Sequence[Event]) -> bool:
    try:
        await emit(owner, *events)
    except Unavailable:
        return False
    return True
