"""Feed, whose handlers fail; and the command that an operator has for that."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.log import Record
from daira_bus.producer import encode_headers
from daira_contracts._event import Event
from daira_contracts.topics import dead_letter_name
from daira_contracts.video import VideoChangedV1, VideoState
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_runtime.process import Process, Role, open_process
from daira_stores.postgres import Database
from daira_testing.command import Said, say
from daira_testing.fixtures import DEFAULT_BASE, MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

BUG = "a_bug"
VIDEO = VideoChangedV1.topic
POISON = Poison()
LETTERS = dead_letter_name(VIDEO, "feed")


class Feed:
    """Feed's own database and stores, and the command pointed at them."""

    def __init__(self, database: Database, probe: TopicProbe, settings: Settings, reach: list[str]) -> None:
        self.database, self.probe, self.settings, self._reach = database, probe, settings, reach

    @staticmethod
    def video(owner: UUID, video_id: UUID | None = None, revision: int = 1, **fields: Any) -> VideoChangedV1:
        return VideoChangedV1(
            video_id=video_id or new_id(), owner_id=owner, revision=revision, state=VideoState.PROBING, **fields
        )

    async def dlq(self, *words: object) -> Said:
        return await say("dlq", *words, *self._reach)

    async def break_for(self, owner: UUID) -> None:
        """A migration of somebody's who did not know that such owners exist."""
        await self.run(f"ALTER TABLE video ADD CONSTRAINT {BUG} CHECK (owner_id <> '{owner}')")

    async def mend(self) -> None:
        await self.run(f"ALTER TABLE video DROP CONSTRAINT {BUG}")

    async def run(self, statement: str) -> None:
        async with self.database.work() as work:
            await work.execute(statement)

    async def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self.database.read() as work:
            return await work.all(statement, parameters)

    async def letters(self, owner: UUID) -> list[Any]:
        return [one for one in await self.probe.records(LETTERS) if str(owner).encode() in (one.value or b"")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        async with open_process("feed", self.settings, build, Role.WORKER) as process:
            yield process

    async def buried(self, *events: VideoChangedV1) -> list[str]:
        """The ids of their letters, in order, after a consumer that has the bug has seen them."""
        owner, marker = events[0].owner_id, self.video(new_id())
        await self.break_for(owner)
        async with self.running():
            await self.probe.publish(*events, marker)
            await eventually(lambda: self.rows("SELECT 1 FROM video WHERE video_id = %s", marker.video_id))
            await eventually(lambda: self._are_buried(owner, len(events)))
        return [f"{LETTERS}@{one.offset}" for one in await self.letters(owner)]

    async def bury(self, event: Event, error: Exception, **place: int) -> None:
        """As feed does when a handler fails on `event`, whose record is at `place`."""
        headers = encode_headers({"ce_id": str(event.event_id), "ce_type": event.topic})
        await self.bury_raw(event.topic, event.key_text().encode(), msgspec.json.encode(event), headers, error, **place)

    async def bury_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        error: Exception = POISON,
        partition: int = 0,
        offset: int = 0,
    ) -> None:
        letter = record(self.probe.prefix + topic, partition, offset, key, value, headers)
        await DeadLetters(self.probe.producer, "feed", self.probe.prefix).bury(letter, error, "handler", 1)

    async def bury_many(self, count: int) -> tuple[str, list[VideoChangedV1]]:
        """A class of error of its own, and the videos it hit."""

        class Cursed(Poison):
            code = f"cursed_{secrets.token_hex(4)}"

        events = [self.video(new_id()) for _ in range(count)]
        for number, event in enumerate(events):
            await self.bury(event, Cursed(), partition=partition_of(number), offset=1_000_000 + number)
        return Cursed.code, events

    async def start(self, *words: object) -> asyncio.subprocess.Process:
        """The command as a process of its own."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daira_cli", "dlq", *map(str, words), *self._reach),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    @asynccontextmanager
    async def asking(self, *words: object) -> AsyncIterator[tuple[asyncio.subprocess.Process, Callable[[str], object]]]:
        """The command on a terminal, when it has asked; and how to answer it."""
        terminal, side = os.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daira_cli", "dlq", *map(str, words), *self._reach),
            stdin=side,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(side)
        assert process.stderr is not None
        try:
            await process.stderr.readuntil(b"[y/N]")
            yield process, lambda text: os.write(terminal, f"{text}\n".encode())
        finally:
            os.close(terminal)

    async def held(self, events: Sequence[VideoChangedV1]) -> int:
        """How many of these videos feed knows."""
        ids = [event.video_id for event in events]
        return len(await self.rows("SELECT 1 FROM video WHERE video_id = ANY(%s)", ids))

    async def holds(self, events: Sequence[VideoChangedV1], count: int) -> bool:
        return await self.held(events) == count

    @asynccontextmanager
    async def stopped_before(self, events: Sequence[VideoChangedV1], count: int) -> AsyncIterator[None]:
        """Whoever redrives these stands in the handler after `count` of them: somebody is at the next one's row."""
        next_one = sorted(enumerate(events), key=lambda one: (partition_of(one[0]), one[0]))[count][1]
        async with await AsyncConnection.connect(self.database.dsn) as somebody:
            row = (next_one.event_id, "remember_video")
            await somebody.execute("INSERT INTO inbox (event_id, handler) VALUES (%s, %s)", row)
            yield
            await somebody.rollback()

    async def check_each_once(self, code: str, events: Sequence[VideoChangedV1]) -> None:
        """Every video is there, every event was handled once, and nothing is open or has failed again."""
        assert await self.held(events) == len(events)
        ids = [event.event_id for event in events]
        assert len(await self.rows("SELECT 1 FROM inbox WHERE event_id = ANY(%s)", ids)) == len(events)
        assert [one for one in (await self.dlq("ls", "--json")).json["groups"] if one["code"] == code] == []
        headers = [dict(one.headers) for one in await self.probe.records(LETTERS)]
        assert len([one for one in headers if one.get("daira-error-code") == code.encode()]) == len(events)

    async def ids(self, event: Event) -> list[str]:
        """Of all letters about `event`."""
        topic = dead_letter_name(event.topic, "feed")
        found = [one for one in await self.probe.records(topic) if str(event.event_id).encode() in (one.value or b"")]
        return [f"{topic}@{one.offset}" for one in found]

    async def _are_buried(self, owner: UUID, count: int) -> bool:
        return len(await self.letters(owner)) >= count


@pytest_asyncio.fixture(loop_scope="session")
async def feed(
    make_database: MakeDatabase,
    probe: TopicProbe,
    redis_url: str,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Feed:
    database = await make_database("feed")
    values = {**common_settings(database), **object_settings, "redis_url": redis_url}
    settings = Settings(**values)
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("DAIRA_FEED_REDIS_URL", redis_url)
    return Feed(
        database, probe, settings, ["--stack", environment("DAIRA_STACK_BASE", DEFAULT_BASE), "--prefix", probe.prefix]
    )


def partition_of(number: int) -> int:
    return number % 6


def record(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
) -> Record:
    return Record(topic, partition, offset, 0, 0, key, value, None, len(key or b""), len(value or b""), headers)
