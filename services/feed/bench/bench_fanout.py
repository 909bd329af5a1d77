"""Fan-out beside a raw socket that writes the same commands; memory and time as the followers grow; cold Circles."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from daira_devtools.bench import compare, count, in_turn, limit, report, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_feed.domain.celebrity import Mode
from daira_feed.domain.timeline import Entry, entry_of
from daira_feed.metrics import REBUILDS
from daira_feed.repository import audience, keys, pushing, spreads
from daira_feed.repository.spreads import Spread
from daira_feed.repository.wire import open_wire, pack
from daira_feed.service import FeedService
from daira_feed.service.circle import Hints
from daira_feed.settings import Settings
from daira_feed.wiring import SCRIPTS, assemble
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_stores.postgres import Database
from daira_testing.fixtures import empty_redis, fresh_databases

FOLLOWERS = 1_000
MANY = 1_000_000
ORDINARY = 15
"""Posts beside one that also gives Circles an end."""
KEPT = 27 * 86_400
COLD_READERS = 200
GROWN_MB = 16

FOLLOW = """
WITH people AS (SELECT gen_random_uuid() AS id FROM generate_series(1, %(count)s)),
readers AS (INSERT INTO reader (user_id, active_at) SELECT id, now() FROM people),
counts AS (INSERT INTO author VALUES (%(author)s, %(count)s, %(mode)s))
INSERT INTO relation SELECT id, %(author)s, 1, true, false, false FROM people
"""
POST = """
WITH made AS (
    INSERT INTO post (id, author_id, state, approved_revision, visibility, reply_policy, created_at, published_at)
    VALUES (%(id)s, %(author)s, 'PUBLISHED', 1, 'PUBLIC', 'EVERYONE', now(), date_trunc('milliseconds', now())))
INSERT INTO content (post_id, revision, text, hashtags, media_ids, decision, media, created_at)
VALUES (%(id)s, 1, 'to everybody', '{}', '{}', 'APPROVED', 'READY', now())
"""
INBOX = "INSERT INTO inbox (event_id, handler) VALUES (%(id)s, 'bench') ON CONFLICT DO NOTHING"


class Raw:
    """A blocking socket: builds the commands from ids in memory, writes them, counts the answers."""

    def __init__(self, url: str) -> None:
        place, _, number = url.removeprefix("redis://").partition("/")
        host, _, port = place.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(f"*2\r\n$6\r\nSELECT\r\n$1\r\n{number}\r\n".encode())
        self._socket.recv(100)

    def push(self, readers: Sequence[str], entry: Entry) -> None:
        score, member = str(entry[0]), entry[1].decode("latin-1")
        commands = [
            f"*4\r\n$4\r\nZADD\r\n$36\r\nc:{{{reader}}}\r\n${len(score)}\r\n{score}\r\n$32\r\n{member}\r\n"
            f"*4\r\n$15\r\nZREMRANGEBYRANK\r\n$36\r\nc:{{{reader}}}\r\n$1\r\n0\r\n$5\r\n-1002\r\n"
            for reader in readers
        ]
        if pushing.renews(entry):
            end = f"\r\n${len(str(KEPT))}\r\n{KEPT}\r\n$2\r\nNX\r\n"
            ends = [f"*4\r\n$6\r\nEXPIRE\r\n$36\r\nc:{{{reader}}}{end}" for reader in readers]
            commands = [text for pair in zip(commands, ends, strict=True) for text in pair]
        self._socket.sendall("".join(commands).encode("latin-1"))
        lines, answers = 0, (3 if pushing.renews(entry) else 2) * len(readers)
        while lines < answers:
            lines += self._socket.recv(1 << 20).count(b"\n")


def fresh_entries(author: UUID) -> list[Entry]:
    """As posts come: one in sixteen also gives Circles an end."""
    at = int(now().timestamp() * 1000)
    ordinary, renewing = (entry_of(at, f"{new_id().hex[:31]}{digit}", author.hex) for digit in "10")
    assert pushing.renews(renewing)
    assert not pushing.renews(ordinary)
    return [*[ordinary] * ORDINARY, renewing]


async def author_with(database: Database, followers: int, mode: Mode = Mode.PUSHED) -> UUID:
    author = new_id()
    async with database.work() as work:
        await work.execute(FOLLOW, {"author": author, "count": followers, "mode": mode.value})
        await work.connection.execute("ANALYZE relation, reader, author")
    return author


async def post_of(database: Database, author: UUID) -> UUID:
    post_id = new_id()
    async with database.work() as work:
        await work.execute(POST, {"id": post_id, "author": author})
    return post_id


async def readers_of(database: Database, author: UUID, count: int) -> list[str]:
    async with database.read() as work:
        long_ago = now().replace(year=2000)
        page = await audience.read_followers(work, author, None, count, long_ago, long_ago)
    return page.readers


async def bytes_on_the_wire(feed: FeedService, url: str, database: Database) -> None:
    author = await author_with(database, FOLLOWERS)
    readers, raw = await readers_of(database, author, FOLLOWERS), Raw(url)
    wire = feed.spreading._wire

    async def ours() -> float:
        entries, started = fresh_entries(author), time.perf_counter()
        for entry in entries:
            await pushing.push(wire, readers, entry, KEPT)
        return (time.perf_counter() - started) / len(entries) * 1000

    def peer() -> float:
        entries, started = fresh_entries(author), time.perf_counter()
        for entry in entries:
            raw.push(readers, entry)
        return (time.perf_counter() - started) / len(entries) * 1000

    figures = await in_turn(ours, peer, rounds=9, warm_up=3)
    tell(compare("fan-out", f"ms for {FOLLOWERS:,} followers", *figures, bar=1.3, note="raw socket, same commands"))
    score, member = fresh_entries(author)[0]
    await pushing.push(wire, readers[:1], (score, member), KEPT)
    assert (await wire.run([pack("ZSCORE", keys.circle(readers[0]), member)]))[0] is not None

    await beside(database, author, figures[0])


async def beside(database: Database, author: UUID, pushes: list[float]) -> None:
    """What a page costs in PostgreSQL beside its push; reported, to be read against the bar of the whole."""
    post_id = await post_of(database, author)

    async def page() -> None:
        await readers_of(database, author, FOLLOWERS)

    async def place() -> None:
        async with database.work() as work:
            await spreads.put(work, Spread(post_id=post_id, wanted="SHOWN", after_follower=author))

    async def inbox() -> None:
        async with database.work() as work:
            await work.execute(INBOX, {"id": new_id()})

    for name, step in (
        ("read a page of followers", page),
        ("note the place reached", place),
        ("keep an inbox row", inbox),
    ):
        took = [await milliseconds(step) for _ in pushes]
        tell(compare("fan-out", f"ms to {name} (reported)", took, pushes, bar=None, note="beside the push of a page"))


async def milliseconds(step: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await step()
    return (time.perf_counter() - started) * 1000


async def spread(feed: FeedService, database: Database, author: UUID) -> float:
    """Milliseconds from the claimed job to its last Circle."""
    post_id = await post_of(database, author)
    started = time.perf_counter()
    await feed.spreading.spread(post_id)
    return (time.perf_counter() - started) * 1000


async def growth(feed: FeedService, database: Database) -> None:
    few, many = await author_with(database, FOLLOWERS), await author_with(database, MANY)
    whole = [await spread(feed, database, few) for _ in range(9)]
    tell(report("fan-out", f"ms of a whole job, {FOLLOWERS:,} followers (reported)", median(whole)))
    before = forget_peak()
    await spread(feed, database, many)  # makes the Circles; from then on they are only added to
    took = await spread(feed, database, many)
    tell(limit("fan-out", f"MB grown by {MANY:,} followers", peak_mb() - before, most=GROWN_MB, note="peak RSS"))
    note = f"{took:.0f} ms for {MANY:,}"
    per_thousand = took / MANY * FOLLOWERS
    tell(
        compare(
            "fan-out",
            "ms per 1,000 followers as they grow (reported)",
            [per_thousand],
            [median(whole)],
            bar=None,
            note=note,
        )
    )
    star = many
    async with database.work() as work:
        await audience.put_mode(work, star, Mode.PULLED)

    figures = await in_turn(lambda: spread(feed, database, star), lambda: spread(feed, database, few), rounds=9)
    note = f"pushing to {FOLLOWERS:,}: a celebrity costs one write however many follow"
    tell(compare("celebrity", f"ms to write, {MANY:,} followers", *figures, bar=1.1, note=note))


async def cold(feed: FeedService, database: Database) -> None:
    author = await author_with(database, 10)
    for _ in range(20):
        await post_of(database, author)
    reader = UUID((await readers_of(database, author, 1))[0])
    await feed.circle.read(reader, None, 20, Hints())
    worst = []
    for _ in range(5):
        wire = feed.spreading._wire
        await wire.run([pack("DEL", name(reader.hex)) for name in (keys.circle, keys.reader_state, keys.stars)])
        before, started = REBUILDS._value.get(), time.perf_counter()
        pages = await asyncio.gather(*(feed.circle.read(reader, None, 20, Hints()) for _ in range(COLD_READERS)))
        worst.append((time.perf_counter() - started) * 1000)
        assert len({page.body for page in pages}) == 1
        tell(count("cold Circle", f"rebuilds for {COLD_READERS} readers", REBUILDS._value.get() - before, most=1))
    tell(report("cold Circle", f"ms until all {COLD_READERS} have it (reported)", median(worst)))


def peak_mb() -> float:
    """The kernel's high-water mark since `forget_peak`; getrusage would count what was before the program."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> float:
    """The high-water mark begins anew at today's memory, in MB, which is the answer."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def settings_of(stack: Endpoints, database: Database, redis_url: str) -> Settings:
    fields: dict[str, Any] = {
        "postgres_dsn": database.dsn,
        "kafka_bootstrap": stack.kafka_bootstrap,
        "redis_url": redis_url,
        "circle_reads_per_minute": 10**9,
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
        async with open_wire(redis_url, scripts=SCRIPTS) as reading, open_wire(redis_url, scripts=SCRIPTS) as writing:
            feed = assemble(settings_of(stack, database, redis_url), database, reading, writing)
            await bytes_on_the_wire(feed, redis_url, database)
            await cold(feed, database)
            await growth(feed, database)
            await writing.run([pack("FLUSHDB", "ASYNC")])


if __name__ == "__main__":
    asyncio.run(main())
