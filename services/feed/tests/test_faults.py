"""Redis goes away and comes back, as it was or with nothing in it: nothing that was accepted is lost."""

from typing import Any
from uuid import UUID

from daira_contracts.moderation import Decision
from daira_stores.redis import open_redis
from daira_testing.gate import Gate
from daira_testing.waiting import eventually


async def test_posts_made_while_redis_is_down_are_seen_once_it_is_back(open_own_feed: Any, redis_url: str) -> None:
    async with Gate(redis_url) as gate, open_own_feed(gate.url) as feed:
        author, reader = await feed.person(), await feed.person()
        await feed.follow(reader, author)
        before = await feed.published(author, "before")
        assert await feed.circle_ids(reader) == [before]

        gate.shut()
        refused = await feed.client.get("/v1/feed/circle", headers=feed.mint.headers(reader))
        during = (await feed.post(author, "during"))["id"]
        await feed.verdict(during, Decision.APPROVED)
        await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(during))
        ready = await feed.client.get("/readyz")
        gate.open()

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

        await eventually(both_are_there)


async def test_a_redis_that_comes_back_empty_is_filled_by_those_who_read(open_own_feed: Any, redis_url: str) -> None:
    async with Gate(redis_url) as gate, open_own_feed(gate.url) as feed:
        author, reader = await feed.person("sami"), await feed.person()
        await feed.follow(reader, author)
        ids = [await feed.published(author, f"post {at}") for at in range(3)]
        before = await feed.circle(reader)

        gate.shut()
        async with open_redis(redis_url) as redis:
            await redis.flushdb()
        gate.open()

        assert await feed.circle(reader) == before
        newer = await feed.published(author, "afterwards")
        assert await feed.circle_ids(reader) == [newer, *ids[::-1]]
