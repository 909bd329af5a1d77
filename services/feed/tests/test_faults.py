"""Redis goes away and comes back, as it was or with nothing in it: nothing that was accepted is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from daira_contracts.moderation import Decision
from daira_stores.redis import open_redis
from daira_testing.waiting import eventually


class Line:
    """A TCP line to Valkey that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._writers -= {writer, back}

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
        target.close()


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[Line]:
    host, _, port = redis_url.removeprefix("redis://").partition("/")[0].partition(":")
    line = Line(host, int(port))
    await line.mend()
    yield line
    await line.cut()


async def test_posts_made_while_redis_is_down_are_seen_once_it_is_back(
    open_own_feed: Any, redis_url: str, line: Line
) -> None:
    number = redis_url.rpartition("/")[2]
    async with open_own_feed(f"redis://127.0.0.1:{line.port}/{number}") as feed:
        author, reader = await feed.person(), await feed.person()
        await feed.follow(reader, author)
        before = await feed.published(author, "before")
        assert await feed.circle_ids(reader) == [before]

        await line.cut()
        refused = await feed.client.get("/v1/feed/circle", headers=feed.mint.headers(reader))
        during = (await feed.post(author, "during"))["id"]
        await feed.verdict(during, Decision.APPROVED)
        await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(during))
        ready = await feed.client.get("/readyz")
        await line.mend()

        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.headers["retry-after"]
        (redis,) = [one for one in ready.json()["dependencies"] if one["name"] == "redis"]
        assert (redis["ok"], redis["required"]) == (False, False), "posts are still taken"

        async def both_are_there() -> bool:
            answer = await feed.client.get("/v1/feed/circle", headers=feed.mint.headers(reader))
            return answer.status_code == 200 and [one["post"]["id"] for one in answer.json()["items"]] == [
                during,
                before,
            ]

        await eventually(both_are_there, within=30)


async def test_a_redis_that_comes_back_empty_is_filled_by_those_who_read(
    open_own_feed: Any, redis_url: str, line: Line
) -> None:
    number = redis_url.rpartition("/")[2]
    async with open_own_feed(f"redis://127.0.0.1:{line.port}/{number}") as feed:
        author, reader = await feed.person("sami"), await feed.person()
        await feed.follow(reader, author)
        ids = [await feed.published(author, f"post {at}") for at in range(3)]
        before = await feed.circle(reader)

        await line.cut()
        async with open_redis(redis_url) as redis:
            await redis.flushdb()
        await line.mend()

        assert await feed.circle(reader) == before
        newer = await feed.published(author, "afterwards")
        assert await feed.circle_ids(reader) == [newer, *ids[::-1]]
