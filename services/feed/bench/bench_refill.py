"""A million entries of Circles made anew from PostgreSQL, beside a writer that has the same entries in memory."""

import asyncio
import gc
import time
from typing import Any

from redis.asyncio import Redis

from daira_devtools.bench import compare, in_turn, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_feed.domain.timeline import Entry
from daira_feed.repository import keys, refills
from daira_feed.repository.wire import open_wire, pack
from daira_feed.service import FeedService
from daira_feed.settings import Settings
from daira_feed.wiring import SCRIPTS, assemble
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_stores.postgres import Database
from daira_testing.fixtures import empty_redis, fresh_databases

READERS, INACTIVE, AUTHORS, FOLLOWED, POSTS = 1_000, 200, 500, 50, 40
ROUNDS = 3
PIPELINE = 1_000
"""Members a command of the raw writer."""

PEOPLE = """
INSERT INTO reader (user_id, active_at)
SELECT gen_random_uuid(), CASE WHEN n <= %(active)s THEN now() ELSE now() - interval '400 days' END
FROM generate_series(1, %(readers)s) AS n
"""
FOLLOWS = """
WITH author AS (SELECT row_number() OVER () - 1 AS n, id FROM (
        SELECT gen_random_uuid() AS id FROM generate_series(1, %(authors)s)) AS made),
    reader AS (SELECT row_number() OVER () AS n, user_id FROM reader),
    posts AS (INSERT INTO post (id, author_id, state, approved_revision, visibility, reply_policy, created_at,
            published_at)
        SELECT gen_random_uuid(), author.id, 'PUBLISHED', 1, 'PUBLIC', 'EVERYONE', now(),
            date_trunc('milliseconds', now() - random() * interval '300 days')
        FROM author, generate_series(1, %(posts)s))
INSERT INTO relation SELECT reader.user_id, author.id, 1, true, false, false
FROM reader, generate_series(1, %(followed)s) AS step, author
WHERE author.n = (reader.n * 7 + step * 11) %% %(authors)s ON CONFLICT DO NOTHING
"""


async def fill(database: Database) -> None:
    numbers = {
        "active": READERS,
        "readers": READERS + INACTIVE,
        "authors": AUTHORS,
        "followed": FOLLOWED,
        "posts": POSTS,
    }
    async with database.work() as work:
        await work.execute(PEOPLE, numbers)
        await work.execute(FOLLOWS, numbers)
        await work.connection.execute("ANALYZE relation, reader, author, post")


async def entries_of(database: Database) -> dict[str, list[Entry]]:
    """What the raw writer has in memory."""
    found: dict[str, list[Entry]] = {}
    async with database.read() as work:
        rows = await work.all("SELECT user_id FROM reader WHERE active_at > now() - interval '1 day'")
        ids = [row["user_id"] for row in rows]
        for at in range(0, len(ids), 100):
            found |= {one.hex: held for one, held in (await refills.read_circles(work, ids[at : at + 100])).items()}
    return found


async def measure(feed: FeedService, database: Database, url: str) -> None:
    wire = feed.spreading._wire
    entries = await entries_of(database)
    count = sum(map(len, entries.values()))
    mappings = {keys.circle(reader): {member: score for score, member in held} for reader, held in entries.items()}

    async def ours() -> float:
        await wire.run([pack("FLUSHDB", "SYNC")])
        gc.collect()
        started, after, written = time.perf_counter(), None, 0
        while True:
            page = await feed.refilling.circles(after, dry=False)
            written += page.written
            after = page.after
            if after is None:
                break
        took = time.perf_counter() - started
        assert written == count, (written, count)
        return count / took

    async def raw() -> float:
        await wire.run([pack("FLUSHDB", "SYNC")])
        gc.collect()
        async with Redis.from_url(url) as client:
            started = time.perf_counter()
            pipe: Any = client.pipeline(transaction=False)
            waiting = 0
            for key, mapping in mappings.items():
                pipe.zadd(key, mapping)
                waiting += len(mapping)
                if waiting >= PIPELINE:
                    await pipe.execute()
                    waiting = 0
            await pipe.execute()
            return count / (time.perf_counter() - started)

    figures = await in_turn(ours, raw, rounds=ROUNDS, warm_up=1)
    note = f"redis-py pipeline, entries in memory; {READERS:,} readers, {INACTIVE} inactive ones skipped"
    tell(
        compare(
            "rebuild feed.circle",
            f"entries a second, {count:,} entries",
            *figures,
            bar=0.5,
            higher_is_better=True,
            note=note,
        )
    )


def settings_of(stack: Endpoints, database: Database, redis_url: str) -> Settings:
    fields: dict[str, Any] = {
        "postgres_dsn": database.dsn,
        "kafka_bootstrap": stack.kafka_bootstrap,
        "redis_url": redis_url,
        "cursor_secret": new_id().hex,
        "root_public_key": "",
        "s3_endpoint": stack.s3_endpoint,
        "s3_access_key": stack.s3_access_key,
        "s3_secret_key": stack.s3_secret_key,
    }
    return Settings(**fields)


async def main() -> None:
    stack = endpoints(int(environment("DAIRA_STACK_BASE", "8080")))
    async with fresh_databases(stack) as make, empty_redis(stack) as redis_url:
        database = await make("feed")
        await fill(database)
        async with (
            open_wire(redis_url, timeout=10, scripts=SCRIPTS) as reading,
            open_wire(redis_url, timeout=10, scripts=SCRIPTS) as writing,
        ):
            feed = assemble(settings_of(stack, database, redis_url), database, reading, writing)
            await measure(feed, database, redis_url)
            await writing.run([pack("FLUSHDB", "ASYNC")])


if __name__ == "__main__":
    asyncio.run(main())
