"""Interaction's projections are functions of their topics, and `daira rebuild` makes them again."""

import signal
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from daira_bus.log import Log
from daira_bus.projection import Restore
from daira_cli.exits import Exit
from daira_cli.rebuild.other_stores import SEEN, RestoreRebuild
from daira_cli.rebuild.report import Report
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.interaction import EntityType, EventSource, UserEventRecordedV1, UserEventType
from daira_contracts.video import VideoChangedV1, VideoState
from daira_devtools.stack import Endpoints
from daira_interaction.settings import Settings
from daira_interaction.wiring import SERVICE, migrate
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process
from daira_stores.cql import open_cql
from daira_stores.postgres import Database
from daira_stores.shadow import Shadow
from daira_testing.command import say
from daira_testing.fixtures import MakeDatabase
from daira_testing.halting import halted, shadow_of
from daira_testing.projection import Kind, Step, Verifier, environ_of, own_topics, tell, verify_rebuild, verifying
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

PEOPLE = [UUID(int=number) for number in range(1, 9)]
MEDIA = [UUID(int=number) for number in range(101, 107)]
POSTS = [UUID(int=number) for number in range(201, 211)]
BEGINNING = now().replace(microsecond=0)
ERASED = PEOPLE[3]


def post(random: Random, post_id: UUID, revision: int) -> PostChangedV1:
    return PostChangedV1(
        post_id=post_id,
        author_id=PEOPLE[post_id.int % len(PEOPLE)],
        revision=revision,
        state=random.choice([PostState.PUBLISHED, PostState.PUBLISHED, PostState.PROCESSING, PostState.REMOVED]),
        content_revision=revision,
        text="مساء الخير",
        media_ids=tuple(random.sample(MEDIA, random.randrange(3))),
        visibility=random.choice([Visibility.PUBLIC, Visibility.FOLLOWERS]),
        created_at=BEGINNING,
    )


def video(random: Random, video_id: UUID, revision: int) -> VideoChangedV1:
    return VideoChangedV1(
        video_id=video_id,
        owner_id=PEOPLE[video_id.int % len(PEOPLE)],
        revision=revision,
        state=random.choice([VideoState.PLAYABLE, VideoState.READY, VideoState.FAILED]),
        hls_url=f"/v/{revision}.m3u8",
        duration_ms=random.randrange(60_000),
    )


def erasure(_: Random, user_id: UUID, __: int) -> UserErasedV1:
    return UserErasedV1(user_id=user_id, erased_at=BEGINNING)


KINDS = (
    Kind(make=post, keys=POSTS),
    Kind(make=video, keys=MEDIA),
)


def story_of(seed: int) -> list[Step]:
    story = tell(KINDS, seed=seed)
    story.insert(len(story) // 2, erasure(Random(), ERASED, 1))
    return story


@pytest_asyncio.fixture(loop_scope="session")
async def rebuilt(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    stack: Endpoints,
    keyspace: str,
    redis_url: str,
) -> Settings:
    common = common_settings(await make_database("interaction")) | object_settings
    settings = Settings(
        **common, redis_url=redis_url, cql_hosts=stack.cql_hosts, cql_port=stack.cql_port, cql_keyspace=keyspace
    )
    await migrate(settings)
    return settings


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(rebuilt: Settings) -> AsyncIterator[Verifier]:
    async with verifying(SERVICE, rebuilt) as verifier:
        yield verifier


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_projection_is_a_function_of_its_topics(verifier: Verifier, seed: int) -> None:
    live = await verifier.verify(story_of(seed))
    assert live


async def test_rebuilt_tables_are_the_live_ones(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await verify_rebuild(verifier, story_of(4), topics)


async def test_people_s_own_events_are_restored_but_those_of_the_erased(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    await verifier.replay([erasure(Random(), ERASED, 1)])
    people = [new_id(), new_id(), ERASED]
    events = [user_event(person) for person in people for _ in range(40)]
    async with own_topics(stack.kafka_bootstrap) as topics:
        await topics.publish(events)
        for _ in range(2):
            said = await say("rebuild", "interaction.events", "--prefix", topics.prefix, "--json")
            assert said.code == 0, said.err
            assert said.json["rebuilt"][0]["records"] == len(events)

    for person in people:
        page = await verifier.target.read(person, None, 100)
        expected = {event.event_id for event in events if event.user_id == person and person != ERASED}
        assert {item.event_id for item in page.items} == expected


async def test_a_restore_killed_between_two_batches_goes_on_from_there(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = environ_of(SERVICE, rebuilt)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    restore = next(one for one in SERVICE.projections if one.name == "interaction.events")
    person = new_id()
    events = [user_event(person) for _ in range(40)]
    async with own_topics(stack.kafka_bootstrap) as topics:
        await topics.publish(events)
        few = environ | {"DAIRA_REBUILD_RECORDS": "10"}
        async with halted(restore, verifier.database, topics.prefix, few) as process:
            process.kill()
            assert await process.wait() == -signal.SIGKILL
        async with verifier.database.read() as work:
            ((_, reached),) = (await shadow_of(restore).progress(work)).items()
        assert 0 < reached < len(events)

        said = await say("rebuild", "interaction.events", "--prefix", topics.prefix, "--json")

    assert said.code == 0, said.err
    (report,) = said.json["rebuilt"]
    assert (report["resumed"], report["records"]) == (True, len(events) - reached)
    page = await verifier.target.read(person, None, 100)
    assert {item.event_id for item in page.items} == {event.event_id for event in events}


async def test_a_dry_run_says_which_events_are_missing_and_which_differ(
    verifier: Verifier,
    rebuilt: Settings,
    stack: Endpoints,
    keyspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    await verifier.replay([erasure(Random(), ERASED, 1)])
    events = [user_event(person) for person in (new_id(), new_id(), new_id(), ERASED) for _ in range(10)]
    sent_again = msgspec.structs.replace(events[0], received_at=BEGINNING + timedelta(seconds=1))
    lost, changed, unlisted = events[1], events[11], events[20:30]

    async with (
        own_topics(stack.kafka_bootstrap) as topics,
        open_cql(stack.cql_hosts, stack.cql_port, keyspace) as session,
    ):
        await topics.publish([*events, sent_again])
        nothing_there = await dry_rebuild(topics.prefix)
        assert (await say("rebuild", "interaction.events", "--prefix", topics.prefix)).code == Exit.OK
        in_line = await dry_rebuild(topics.prefix)
        await session.run(DROP_EVENT, place_of(lost))
        await session.run(CHANGE_EVENT, (99, *place_of(changed)))
        await session.run(DROP_DAY, place_of(unlisted[0])[:2])
        spoilt = await dry_rebuild(topics.prefix)
        nobody_wrote = await dry_rebuild(topics.prefix)

    assert nothing_there == (Exit.FOUND, 30, 0)
    assert in_line == (Exit.OK, 0, 0)
    assert spoilt == nobody_wrote == (Exit.FOUND, 1 + len(unlisted), 1)


async def test_a_dry_run_forgets_nothing_of_an_interrupted_one(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await topics.publish([user_event(new_id())])
        half_done = Shadow("interaction.events", (), SEEN)
        async with verifier.database.work() as work:
            await half_done.begin(work, anew=True)
            await half_done.put_progress(work, UserEventRecordedV1.topic, 0, 0)
        compared = await dry_rebuild(topics.prefix)
        said = await say("rebuild", "interaction.events", "--prefix", topics.prefix, "--json")

    assert compared == (Exit.FOUND, 1, 0)
    assert said.json["rebuilt"][0]["resumed"] is True


async def test_an_event_told_twice_with_another_time_is_one_event_live_and_rebuilt(
    process: Process, settings: Settings, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, settings).items():
        monkeypatch.setenv(name, value)
    service: Any = process.parts.target
    person = new_id()
    first = user_event(person)
    again = msgspec.structs.replace(first, happened_at=BEGINNING + timedelta(seconds=3))
    marker = user_event(person)

    async def ids() -> list[tuple[UUID, datetime]]:
        page = await service.read(person, None, 100)
        return sorted((item.event_id, item.happened_at) for item in page.items)

    async def has_marker() -> bool:
        return marker.event_id in dict(await ids())

    for events in ([first], [again, again], [marker, again]):
        await probe.publish(*events)
    await eventually(has_marker)
    live = await ids()
    said = await say("rebuild", "interaction.events", "--prefix", settings.topic_prefix, "--json")

    assert said.code == 0, said.err
    assert await ids() == live
    assert [event_id for event_id, _ in live] == sorted([first.event_id, marker.event_id])
    assert dict(live)[first.event_id] == first.happened_at


async def test_a_rebuild_that_stopped_half_way_still_knows_which_events_it_saw(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    person = new_id()
    first = user_event(person)
    again = msgspec.structs.replace(first, happened_at=BEGINNING + timedelta(seconds=3))
    async with own_topics(stack.kafka_bootstrap) as topics:
        await topics.publish([first])
        restore = next(one for one in SERVICE.projections if isinstance(one, Restore))
        log = Log(rebuilt.kafka_bootstrap, topics.prefix)
        steps = RestoreRebuild(restore, verifier.database, verifier.target, log, Report(projection=restore.name))
        await steps.begin(anew=True)
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(steps, "drop", killed)
            await steps.run(lambda _: None)
        await topics.publish([again])
        said = await say("rebuild", "interaction.events", "--prefix", topics.prefix, "--json")

    report = said.json["rebuilt"][0]
    assert (report["resumed"], report["records"], report["added"]) == (True, 1, 0)
    page = await verifier.target.read(person, None, 100)
    assert [(item.event_id, item.happened_at) for item in page.items] == [(first.event_id, first.happened_at)]


DROP_EVENT = "DELETE FROM user_event WHERE user_id = ? AND day = ? AND happened_at = ? AND event_id = ?"
CHANGE_EVENT = """
UPDATE user_event SET loops = ? WHERE user_id = ? AND day = ? AND happened_at = ? AND event_id = ?
"""
DROP_DAY = "DELETE FROM user_event_day WHERE user_id = ? AND day = ?"


def place_of(event: UserEventRecordedV1) -> tuple[UUID, date, datetime, UUID]:
    return (event.user_id, event.happened_at.date(), event.happened_at, event.event_id)


async def dry_rebuild(prefix: str) -> tuple[int, int, int]:
    """Exit code, missing, differing."""
    said = await say("rebuild", "interaction.events", "--dry-run", "--prefix", prefix, "--json")
    (report,) = said.json["rebuilt"]
    assert report["removed"] == 0
    return said.code, report["added"], report["changed"]


async def killed() -> None:
    raise RuntimeError


def user_event(user_id: UUID) -> UserEventRecordedV1:
    return UserEventRecordedV1(
        client_event_id=new_id(),
        user_id=user_id,
        event_type=UserEventType.VIEW,
        entity_type=EntityType.POST,
        entity_id=str(POSTS[0]),
        source=EventSource.CIRCLE,
        happened_at=BEGINNING,
        received_at=BEGINNING,
    )
