"""A rebuild that is killed anywhere, meets another operator, or is read and written beside, ends with the same rows."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from secrets import token_hex
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from daira_bus.log import open_log
from daira_cli.exits import Exit
from daira_cli.services import find
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.stack import Endpoints, Stack
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_testing.command import Said, say
from daira_testing.fixtures import empty_redis, fresh_databases
from daira_testing.halting import halted, shadow_of
from daira_testing.projection import Kind, State, Step, Topics, Verifier, environ_of, own_topics, tell, verifying
from daira_testing.waiting import eventually

NAME = "feed.profile"
SCHEMA = "rebuild_feed_profile"
PEOPLE = [UUID(int=number) for number in range(1, 80)]
BEGINNING = now()
BATCH = 10
"""Few enough that every partition has several."""


class Scene:
    """Feed's profiles, told on topics of their own, handled, then spoilt; and the command in a process of its own."""

    def __init__(self, verifier: Verifier, topics: Topics, environ: dict[str, str], live: State) -> None:
        self.verifier, self.topics, self.environ, self.live = verifier, topics, environ, live
        self.database = verifier.database

    async def say(self, *words: str) -> Said:
        return await say("rebuild", NAME, "--prefix", self.topics.prefix, "--json", *words)

    async def start(self) -> Process:
        words = ("-m", "daira_cli", "rebuild", NAME, "--prefix", self.topics.prefix, "--json")
        environ = {**os.environ, **self.environ}
        return await asyncio.create_subprocess_exec(sys.executable, *words, env=environ, stdout=DEVNULL, stderr=PIPE)

    @asynccontextmanager
    async def blocked(self, statement: str) -> AsyncIterator[Process]:
        """A run that waits for a lock that `statement` takes; yields when it waits."""
        async with self.database.work() as work:
            await work.connection.execute(statement.encode())
            process = await self.start()
            try:
                await eventually(self.somebody_waits)
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def same(self) -> bool:
        return await self.verifier.state() == self.live

    async def schemas(self) -> int:
        async with self.database.read() as work:
            row = await work.one("SELECT count(*) AS found FROM pg_namespace WHERE nspname = %s", (SCHEMA,))
        return int(row["found"]) if row else 0

    async def somebody_waits(self) -> bool:
        async with self.database.read() as work:
            return bool(
                await work.all(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
            )


def profile(random: Random, user_id: UUID, revision: int) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        state=ProfileState.ACTIVE,
        handle=f"h{user_id.int}",
        display_name=f"سلمى {random.random()}",
        created_at=BEGINNING,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(
    stack: Endpoints, common_settings: Callable[[Database], dict[str, Any]], object_settings: dict[str, str]
) -> AsyncIterator[Scene]:
    service = find("feed")
    story: list[Step] = tell([Kind(make=profile, keys=PEOPLE)], seed=7, steps=300)
    async with fresh_databases(stack) as make, empty_redis(stack) as redis_url:
        common = common_settings(await make("feed")) | object_settings
        settings = service.settings(**common, redis_url=redis_url)
        async with own_topics(stack.kafka_bootstrap) as topics, verifying(service, settings) as verifier:
            verifier.projections = [one for one in verifier.projections if one.name == NAME]
            await topics.publish(story)
            live = await verifier.replay(story)
            yield Scene(verifier, topics, environ_of(service, settings), live)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """With spoilt rows."""
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)
    await stage.verifier.spoil()
    assert not await stage.same()
    return stage


PHASES = {
    "reading": "LOCK TABLE erased IN ACCESS EXCLUSIVE MODE",
    "waiting for the handlers": "LOCK TABLE profile IN ROW EXCLUSIVE MODE",
    "written but not committed": "LOCK TABLE job IN ACCESS EXCLUSIVE MODE",
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
async def test_a_rebuild_killed_at_any_point_goes_on_to_the_same_rows(
    scene: Scene, phase: str, signal_number: signal.Signals
) -> None:
    async with scene.blocked(PHASES[phase]) as process:
        process.send_signal(signal_number)
        code = await asyncio.wait_for(process.wait(), 60)
    assert code == (Exit.PARTIAL if signal_number is signal.SIGINT else -signal.SIGKILL)
    assert not await scene.same()

    said = await scene.say()

    assert said.code == Exit.OK, said.err
    assert said.json["rebuilt"][0]["resumed"]
    assert await scene.same()
    assert not await scene.schemas()


async def test_a_rebuild_killed_between_two_batches_goes_on_from_there(scene: Scene, stack: Endpoints) -> None:
    projection = next(one for one in scene.verifier.projections if one.name == NAME)
    few = scene.environ | {"DAIRA_REBUILD_RECORDS": str(BATCH)}
    async with halted(projection, scene.database, scene.topics.prefix, few) as process:
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with scene.database.read() as work:
        reached = await shadow_of(projection).progress(work)
    async with open_log(stack.kafka_bootstrap, scene.topics.prefix) as log:
        spans = {(span.topic, span.partition): span for span in await log.spans([ProfileChangedV1.topic])}
    ((place, offset),) = reached.items()
    assert 0 < offset < spans[place].end

    said = await scene.say()

    assert said.code == Exit.OK, said.err
    (report,) = said.json["rebuilt"]
    assert report["resumed"]
    assert report["records"] == sum(span.end for span in spans.values()) - offset
    assert await scene.same()
    assert not await scene.schemas()


async def test_a_second_operator_is_told_who_is_at_it(scene: Scene) -> None:
    async with scene.blocked(PHASES["reading"]):
        said = await scene.say()
        assert said.code == Exit.REFUSED
        assert "operator_busy" in said.err
        assert "@" in said.err  # user and host of the first
    assert (await scene.say()).code == Exit.OK
    assert await scene.same()


async def test_readers_are_served_and_handlers_wait_while_tables_are_swapped(scene: Scene) -> None:
    news = profile(Random(1), PEOPLE[0], 10_000)

    async def handle() -> None:
        await scene.verifier.replay_on(news)

    async with scene.blocked(PHASES["written but not committed"]) as process:
        before = await asyncio.wait_for(scene.verifier.state(), 20)
        assert before != scene.live
        handling = asyncio.create_task(handle())
        done, _ = await asyncio.wait([handling], timeout=1)
        assert not done
        assert process.returncode is None
    await asyncio.wait_for(handling, 60)
    assert (await scene.say()).code == Exit.OK
    row = next(row for row in (await scene.verifier.state())["feed.profile/profile"] if str(PEOPLE[0]) in row)
    # Nobody told it on the topic: the topic is the truth.
    assert "10000" not in row


async def test_a_dry_run_says_what_differs_and_leaves_nothing(scene: Scene) -> None:
    before = await scene.verifier.state()

    said = await scene.say("--dry-run")

    assert said.code == Exit.FOUND
    (report,) = said.json["rebuilt"]
    assert report["added"] and report["changed"] and report["removed"]
    assert await scene.verifier.state() == before
    assert not await scene.schemas()
    assert (await scene.say()).code == Exit.OK
    assert (await scene.say("--dry-run")).code == Exit.OK


async def test_a_topic_that_was_made_anew_is_refused_until_one_says_so(scene: Scene) -> None:
    async with scene.blocked(PHASES["waiting for the handlers"]) as process:
        process.kill()
        await process.wait()
    async with scene.database.work() as work:
        await work.connection.execute(f"UPDATE {SCHEMA}.progress SET next_offset = 1000000".encode())

    said = await scene.say()

    assert said.code == Exit.REFUSED
    assert "topic_made_anew" in said.err
    assert (await scene.say("--anew")).code == Exit.OK
    assert await scene.same()


async def test_what_cannot_be_read_is_passed_over_and_counted(scene: Scene) -> None:
    topic = ProfileChangedV1.topic
    for value in (b"{", b"\xff\xfe", b'{"userId": 7}'):
        await scene.topics.producer.send(topic, str(PEOPLE[1]).encode(), value, ())
    for key in (b"\xff", b"nobody"):
        await scene.topics.producer.send(topic, key, None, ())

    said = await scene.say()

    assert said.code == Exit.OK, said.err
    assert said.json["rebuilt"][0]["unreadable"] == 5
    assert await scene.same()


async def test_an_unknown_projection_is_told_its_neighbour(scene: Scene) -> None:
    said = await say("rebuild", "feed.profil", "--prefix", scene.topics.prefix)
    assert said.code == Exit.USAGE
    assert "feed.profile" in said.err


async def test_ls_tells_what_each_is_made_from() -> None:
    said = await say("rebuild", "ls", "--service", "feed", "--json")
    found = {one["name"]: one for one in said.json["projections"]}
    assert found["feed.profile"]["topics"] == [ProfileChangedV1.topic]
    assert found["feed.circle"]["topics"] == []


async def test_a_broker_that_restarts_in_the_middle_of_the_reading_changes_nothing(
    own_stack: Stack, scene: Scene
) -> None:
    # More than the client asks for at once, so that most of it is still to be read when the broker goes away.
    people = [profile(Random(number), PEOPLE[number % 2], 20_000 + number) for number in range(2_400)]
    await scene.topics.publish([msgspec.structs.replace(one, bio=token_hex(5_000)) for one in people])
    assert (await scene.say()).code == Exit.OK
    scene.live = await scene.verifier.state()
    await scene.verifier.spoil()

    async with scene.database.work() as work:
        await work.connection.execute(PHASES["reading"].encode())
        process = await scene.start()
        await eventually(scene.somebody_waits)
        await own_stack.stop("kafka", kill=True)
    await own_stack.start("kafka")

    assert await asyncio.wait_for(process.wait(), 180) == Exit.OK
    assert await scene.same()
    assert not await scene.schemas()
