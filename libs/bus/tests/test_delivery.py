"""The delivery contract on real PostgreSQL and real Kafka: state + outbox → relay → topic → inbox + effect."""

import asyncio
import random
from collections.abc import Callable
from secrets import token_hex

import msgspec
import pytest
from aiokafka import ConsumerRecord

from daira_bus.consumer import Consumer
from daira_bus.errors import Poison
from daira_bus.subscription import Subscription, on
from daira_contracts.auth import UserErasedV1
from daira_contracts.topics import topics
from daira_contracts.user import ProfileChangedV1, ProfileState, SettingsChangedV1
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.delivery import RECORD_EFFECT, RECORD_EFFECTS, Effects, change, consuming, emit, on_each, relaying
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = SettingsChangedV1.topic
DEAD = f"{TOPIC}.dlq.feed"
RECORD_OVERHEAD = 150
"""Bytes of framing and key that count against a topic's limit."""
Listen = Callable[..., Subscription]
either = pytest.mark.parametrize("listen", [on, on_each], ids=["one", "many"])


@pytest.fixture(params=[RECORD_EFFECT, RECORD_EFFECTS], ids=["one", "many"])
async def effects(make_database: MakeDatabase, request: pytest.FixtureRequest) -> Effects:
    return await Effects.create(await make_database(), request.param)


async def test_a_committed_event_has_its_effect_once(
    effects: Effects, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    owner, event, marker = await make_database(), change(), change()

    async with relaying(owner, probe), consuming(effects, probe):
        await emit(owner, event)
        await eventually(lambda: effects.all_seen([event]))
        await probe.publish(event)
        await probe.publish(marker)
        await eventually(lambda: effects.all_seen([marker]))

    assert await effects.count([event]) == {event.event_id: 1}


async def test_a_rolled_back_event_is_never_told(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner, lost, kept = await make_database(), change(), change()

    async with relaying(owner, probe):
        with pytest.raises(RuntimeError):
            async with owner.work() as work:
                await work.emit(lost)
                raise RuntimeError("the handler failed")
        await emit(owner, kept)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == kept.event_id)

    assert lost.event_id not in {event.event_id for event in await probe.events(SettingsChangedV1)}


async def test_a_late_commit_is_published_after_younger_rows(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner, early, young = await make_database(), change(), change()

    async with relaying(owner, probe):
        async with owner.work() as work:
            await work.emit(early)
            await emit(owner, young)
            await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == young.event_id)

        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == early.event_id)


async def test_two_relays_keep_the_order_of_every_key(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner = await make_database()
    keys = [new_id() for _ in range(8)]
    events = [change(key, revision) for revision in range(1, 26) for key in keys]

    async with relaying(owner, probe), relaying(owner, probe):
        for event in events:
            await emit(owner, event)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == events[-1].event_id)
        await eventually(lambda: _outbox_is_empty(owner))

    told = [event for event in await probe.events(SettingsChangedV1) if event.user_id in keys]
    for key in keys:
        assert [event.revision for event in told if event.user_id == key] == list(range(1, 26))


async def test_a_relay_that_dies_leaves_its_shards_to_the_other(make_database: MakeDatabase, probe: TopicProbe) -> None:
    owner, before, after = await make_database(), change(), change()

    async with relaying(owner, probe), relaying(owner, probe):
        await emit(owner, before)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == before.event_id)
        async with owner.work() as work:  # as a lost connection would
            await work.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 2828"
            )
        await emit(owner, after)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == after.event_id)


async def test_a_dependency_that_is_down_is_waited_for(effects: Effects, probe: TopicProbe) -> None:
    event = change()
    effects.failures[event.event_id] = [Unavailable() for _ in range(5)]

    async with consuming(effects, probe):
        await probe.publish(event)
        await eventually(lambda: effects.all_seen([event]))

    assert await effects.count([event]) == {event.event_id: 1}


async def test_a_bug_that_passes_is_tried_again_and_counted_once(effects: Effects, probe: TopicProbe) -> None:
    event = change()
    effects.failures[event.event_id] = [ValueError("once"), ValueError("twice")]

    async with consuming(effects, probe):
        await probe.publish(event)
        await eventually(lambda: effects.all_seen([event]))

    assert await effects.count([event]) == {event.event_id: 1}


async def test_poison_goes_to_the_dead_letters_with_its_cause_and_its_neighbours_flow(
    effects: Effects, probe: TopicProbe
) -> None:
    poison, neighbour = change(), change()
    effects.failures[poison.event_id] = [Poison("never")] * 2  # in a batch, and alone
    mark = token_hex(8).encode()
    broken = [
        (str(new_id()).encode(), b"\xff not json " + mark, []),
        (str(new_id()).encode(), b'{"eventId": "no id", "mark": "%s"}' % mark, []),
        (b"\xff\xfe key", b'{"mark": "%s"}' % mark, []),
        (b"", b"[" * 5000 + mark, [("bad", b"\xff\xfe")]),
    ]
    wanted = {msgspec.json.encode(poison), *(value for _, value, _ in broken)}

    async def letters() -> list[ConsumerRecord]:
        return [letter for letter in await probe.records(DEAD) if letter.value in wanted]

    async def all_are_buried() -> bool:
        return len(await letters()) >= len(wanted)

    async with consuming(effects, probe):
        await probe.publish(poison)
        for key, value, headers in broken:
            await probe.producer.send(TOPIC, key, value, headers)
        await probe.publish(neighbour)
        await eventually(lambda: effects.all_seen([neighbour]))
        await eventually(all_are_buried)

    causes = [dict(letter.headers) for letter in await letters()]
    assert sorted(cause["daira-error-code"] for cause in causes) == [b"not_decodable"] * 4 + [b"poison"]
    assert {cause["daira-original-topic"] for cause in causes} == {TOPIC.encode()}
    assert await effects.count([poison]) == {poison.event_id: 0}


@either
async def test_what_the_database_can_never_take_is_buried_and_its_neighbours_flow(
    listen: Listen, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    async def take(event: UserErasedV1, work: Work, effects: Effects) -> None:
        await work.execute("INSERT INTO effect (id, revision) VALUES (%s, 1)", (event.event_id,))
        if event.event_id == huge.event_id:
            await work.execute(
                "INSERT INTO broadcast (topic, key, value, revision) VALUES ('t', %s, '', 1)", (token_hex(9000),)
            )

    effects = await Effects.create(await make_database())
    huge, neighbour = [UserErasedV1(user_id=new_id(), erased_at=change().occurred_at) for _ in range(2)]

    async def cause() -> bytes | None:
        letters = await probe.records(f"{UserErasedV1.topic}.dlq.feed")
        causes = {letter.key: dict(letter.headers)["daira-error-code"] for letter in letters if letter.value}
        return causes.get(huge.key_text().encode())

    async with consuming(effects, probe, subscription=listen(UserErasedV1, take)):
        await probe.publish(huge, neighbour)
        await eventually(lambda: effects.all_seen([neighbour]))

        assert await eventually(cause) == b"database_limit_exceeded"
    assert await effects.count([huge]) == {huge.event_id: 0}


@either
async def test_a_removed_key_takes_its_dead_letters_along(
    listen: Listen, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    async def refuse(event: ProfileChangedV1, work: object, effects: Effects) -> None:
        raise Poison("not this one")

    effects, person, topic = await Effects.create(await make_database()), new_id(), ProfileChangedV1.topic
    said = ProfileChangedV1(
        user_id=person, state=ProfileState.ACTIVE, handle="said", display_name="", created_at=change().occurred_at
    )

    async def letters() -> list[bytes | None]:
        found = await probe.records(f"{topic}.dlq.feed")
        return [letter.value for letter in found if letter.key == said.key_text().encode()]

    async def is_removed() -> bool:
        return (await letters())[-1:] == [None]

    async with consuming(effects, probe, subscription=listen(ProfileChangedV1, refuse)):
        await probe.publish(said)
        await eventually(letters)
        assert b"said" in ((await letters())[-1] or b"")
        await probe.producer.send(topic, said.key_text().encode(), None, [])
        await eventually(is_removed)


async def test_headers_nobody_can_read_do_not_lose_the_event(effects: Effects, probe: TopicProbe) -> None:
    event = change()

    async with consuming(effects, probe):
        await probe.producer.send(
            TOPIC, event.key_text().encode(), msgspec.json.encode(event), [("traceparent", b"\xff"), ("x", b"\xfe")]
        )
        await eventually(lambda: effects.all_seen([event]))


async def test_poison_as_large_as_its_topic_allows_still_fits_the_dead_letters(
    effects: Effects, probe: TopicProbe
) -> None:
    huge, neighbour = b"[" * (topics()[TOPIC].max_bytes - RECORD_OVERHEAD), change()

    async def is_buried() -> bool:
        return huge in {letter.value for letter in await probe.records(DEAD)}

    async with consuming(effects, probe):
        await probe.producer.send(TOPIC, str(new_id()).encode(), huge, [])
        await probe.publish(neighbour)
        await eventually(lambda: effects.all_seen([neighbour]))
        await eventually(is_buried)


@either
async def test_a_topic_full_of_poison_stops_the_consumer(
    listen: Listen, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    async def refuse(event: UserErasedV1, work: object, effects: Effects) -> None:
        raise Poison("none of them")

    effects, dead = await Effects.create(await make_database()), f"{UserErasedV1.topic}.dlq.feed"
    buried = len(await probe.records(dead))
    async with consuming(effects, probe, subscription=listen(UserErasedV1, refuse)) as consumer:
        for _ in range(40):
            await probe.publish(UserErasedV1(user_id=new_id(), erased_at=change().occurred_at))
        await eventually(lambda: _failed(consumer))

    letters = await probe.records(dead)
    assert 20 <= len(letters) - buried < 40


async def test_members_that_come_and_go_lose_and_double_nothing(effects: Effects, probe: TopicProbe) -> None:
    group, events = f"g{new_id()}", [change() for _ in range(200)]

    async def storm() -> None:
        for _ in range(3):
            async with consuming(effects, probe, group=group):
                await asyncio.sleep(random.uniform(0.2, 0.6))

    async with consuming(effects, probe, group=group):
        storming = asyncio.create_task(storm())
        for event in events:
            await probe.publish(event)
        await storming
        await eventually(lambda: effects.all_seen(events))

    assert set((await effects.count(events)).values()) == {1}


async def test_work_in_hand_when_the_consumer_is_stopped_is_done_once(effects: Effects, probe: TopicProbe) -> None:
    group, event = f"g{new_id()}", change()
    effects.hold.clear()

    async with consuming(effects, probe, group=group):
        await probe.publish(event)
        await asyncio.sleep(0.3)
        asyncio.get_running_loop().call_later(0.5, effects.hold.set)
    async with consuming(effects, probe, group=group):
        await eventually(lambda: effects.all_seen([event]))

    assert await effects.count([event]) == {event.event_id: 1}


async def _outbox_is_empty(database: Database) -> bool:
    async with database.read() as work:
        row = await work.one("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")
    return row is not None and row["n"] == 0


async def _failed(consumer: Consumer) -> bool:
    return consumer.failure is not None
