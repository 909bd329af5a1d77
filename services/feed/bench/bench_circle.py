"""Circle read over HTTP beside a route of the same application that does one LRANGE of the same bytes."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import msgspec
import uvicorn
import uvloop
from litestar import Litestar, Response, get
from litestar.di import NamedDependency

from daira_bus import topics
from daira_devtools.bench import compare, count, in_turn, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_feed.domain.celebrity import Mode
from daira_feed.metrics import REBUILDS
from daira_feed.repository.wire import Wire, pack
from daira_feed.service import FeedService
from daira_feed.service.circle import Hints
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_observe.logs import set_up_logging
from daira_observe.tracing import set_up_tracing
from daira_runtime import Parts, Platform, open_process
from daira_runtime.process import Role
from daira_stores.migrate import all_for, apply
from daira_stores.postgres import Database
from daira_stores.redis import open_redis
from daira_testing.fixtures import empty_redis, fresh_databases
from daira_testing.ports import free_port
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually
from daira_web.guards import PUBLIC, signed_in
from daira_web.tokens import Caller

BASE = int(environment("DAIRA_STACK_BASE", "8080"))
READS = 200
FOLLOWS = (10, 500, 1_000)
STARS = 20
TEXT = "مساء الخير يا جماعة، ده بوست للقياس وفيه كلام كفاية علشان يشبه الحقيقي #دايرة #قياس " * 2
PAGE_KEY = "bench:page"

BEST_SQL = """
SELECT newest.id, newest.published_at, content.text, content.hashtags, profile.handle, profile.display_name,
    profile.avatar_url
FROM (
    SELECT recent.id, recent.published_at, recent.approved_revision, r.target_id FROM relation r
    CROSS JOIN LATERAL (
        SELECT id, published_at, approved_revision FROM post WHERE author_id = r.target_id AND state = 'PUBLISHED'
        ORDER BY published_at DESC, id DESC LIMIT 20) AS recent
    WHERE r.actor_id = %s AND r.follows ORDER BY recent.published_at DESC, recent.id DESC LIMIT 20
) AS newest
JOIN content ON content.post_id = newest.id AND content.revision = newest.approved_revision
LEFT JOIN profile ON profile.user_id = newest.target_id
ORDER BY newest.published_at DESC, newest.id DESC
"""
NAIVE_SQL = """
SELECT post.id, post.published_at, content.text, content.hashtags, profile.handle, profile.display_name,
    profile.avatar_url,
    (SELECT count(*) FROM relation WHERE target_id = post.author_id AND follows) AS followers,
    (SELECT count(*) FROM content c WHERE c.post_id = post.id) AS revisions
FROM post JOIN content ON content.post_id = post.id AND content.revision = post.approved_revision
LEFT JOIN profile ON profile.user_id = post.author_id
WHERE post.author_id IN (SELECT target_id FROM relation WHERE actor_id = %s AND follows) AND post.state = 'PUBLISHED'
ORDER BY post.created_at DESC LIMIT 20
"""
FILL = """
WITH authors AS (
    SELECT gen_random_uuid() AS id, n FROM generate_series(1, %(authors)s) AS n
), profiles AS (
    INSERT INTO profile SELECT id, 1, true, 'author_' || n, 'Author ' || n, '/media/images/x/160.webp', false
    FROM authors
), relations AS (
    INSERT INTO relation SELECT %(reader)s, id, 1, true, false, false FROM authors
), counts AS (
    INSERT INTO author SELECT id, 1, %(mode)s FROM authors
), made AS (
    INSERT INTO post (id, author_id, state, approved_revision, visibility, reply_policy, created_at, published_at)
    SELECT gen_random_uuid(), id, 'PUBLISHED', 1, 'PUBLIC', 'EVERYONE', at, at
    FROM (
        SELECT id, date_trunc('milliseconds', now() - random() * interval '30 days') AS at
        FROM authors, generate_series(1, 20)
    ) AS t
    RETURNING id
)
INSERT INTO content (post_id, revision, text, hashtags, media_ids, decision, media, created_at)
SELECT id, 1, %(text)s, '{دايرة,قياس}', '{}', 'APPROVED', 'READY', now() FROM made
"""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to read as."""

    name: str
    id: UUID
    token: str


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says when it is ready."""

    port: int
    bare_port: int
    readers: list[Reader]


# ---- the server: feed's http role, with the peers as further routes of the same application


@get("/bench/lrange", operation_id="BenchLrange", guards=[signed_in])
async def read_lrange(caller: NamedDependency[Caller], feed: NamedDependency[FeedService]) -> Response[bytes]:
    """Over the wire that Circle is read by: the client library is not what is compared."""
    (items,) = await _wire(feed).run([pack("LRANGE", PAGE_KEY, 0, -1)])
    return Response(b"[" + b",".join(items) + b"]", media_type="application/json")


@get("/bench/lrange-redis-py", operation_id="BenchLrangeRedisPy", guards=[signed_in])
async def read_lrange_redis_py(caller: NamedDependency[Caller], redis: NamedDependency[Any]) -> Response[bytes]:
    items = await redis.lrange(PAGE_KEY, 0, -1)
    return Response(b"[" + b",".join(items) + b"]", media_type="application/json")


async def _read_sql(database: Database, statement: str, reader: UUID) -> Response[bytes]:
    async with database.read() as work:
        rows = await work.all(statement, (reader,))
    return Response(msgspec.json.encode(rows), media_type="application/json")


@get("/bench/best-sql", operation_id="BenchBestSql", guards=[signed_in])
async def read_best_sql(caller: NamedDependency[Caller], platform: NamedDependency[Platform]) -> Response[bytes]:
    return await _read_sql(platform.database, BEST_SQL, caller.user_id)


@get("/bench/naive-sql", operation_id="BenchNaiveSql", guards=[signed_in])
async def read_naive_sql(caller: NamedDependency[Caller], platform: NamedDependency[Platform]) -> Response[bytes]:
    return await _read_sql(platform.database, NAIVE_SQL, caller.user_id)


@get("/bench/counters", operation_id="BenchCounters", opt=PUBLIC)
async def read_counters(feed: NamedDependency[FeedService], platform: NamedDependency[Platform]) -> dict[str, float]:
    asked = platform.database.pool.get_stats().get("requests_num", 0)
    return {"trips": _wire(feed).trips, "sql": asked, "rebuilds": REBUILDS._value.get()}


@get("/bench/bare", sync_to_thread=False)
def read_bare() -> Response[bytes]:
    return Response(read_bare.body, media_type="application/json")  # type: ignore[attr-defined]


def _wire(feed: FeedService) -> Wire:
    return feed.circle._circles.wire


@asynccontextmanager
async def build_with_peers(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    peers = [read_lrange, read_lrange_redis_py, read_best_sql, read_naive_sql, read_counters]
    async with open_redis(settings.redis_url) as redis, build(settings, platform) as parts:
        more = {**parts.dependencies, "redis": redis, "platform": platform}
        yield msgspec.structs.replace(parts, routes=[*parts.routes, *peers], dependencies=more)


async def serve(dsn: str, redis_url: str, prefix: str, readers: Sequence[str]) -> None:
    set_up_logging("feed")
    set_up_tracing("feed")
    mint = TokenMint()
    stack = endpoints(BASE)
    settings = Settings(
        env="dev",
        postgres_dsn=dsn,
        kafka_bootstrap=stack.kafka_bootstrap,
        redis_url=redis_url,
        cursor_secret=mint.kid,
        root_public_key=mint.root_public_key,
        topic_prefix=prefix,
        circle_reads_per_minute=10**9,
        s3_endpoint=stack.s3_endpoint,
        s3_access_key=stack.s3_access_key,
        s3_secret_key=stack.s3_secret_key,
    )
    async with open_process("feed", settings, build_with_peers, Role.HTTP) as process:
        process.platform.verifier.put_key(mint.event)
        feed = process.parts.target
        assert isinstance(feed, FeedService)
        people = [Reader(name=name, id=UUID(id_), token=mint.token(UUID(id_))) for name, id_ in _pairs(readers)]
        body = (await feed.circle.read(people[0].id, None, 20, Hints())).body
        items = [msgspec.json.encode(item) for item in msgspec.json.decode(body)["items"]]
        await _wire(feed).run([pack("DEL", PAGE_KEY), pack("RPUSH", PAGE_KEY, *items)])
        read_bare.body = body  # type: ignore[attr-defined]
        ports = [free_port(), free_port()]
        apps = [process.app, Litestar([read_bare], openapi_config=None, logging_config=None)]
        servers = [
            uvicorn.Server(uvicorn.Config(app, port=port, loop="none", log_config=None, access_log=False))
            for app, port in zip(apps, ports, strict=True)
        ]
        running = [asyncio.create_task(server.serve()) for server in servers]

        async def started() -> bool:
            return all(server.started for server in servers)

        await eventually(started)
        hello = Hello(port=ports[0], bare_port=ports[1], readers=people)
        sys.stdout.write(msgspec.json.encode(hello).decode() + "\n")
        sys.stdout.flush()
        await asyncio.gather(*running)


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, id_) for name, _, id_ in (word.partition("=") for word in words)]


# ---- the client: one keep-alive connection, so that no client library is measured


class Client:
    """Blocking: nothing else happens in this process."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str, token: str = "") -> bytes:
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < size:
            body += self._socket.recv(65536)
        return body

    def p50(self, path: str, token: str = "", reads: int = READS) -> float:
        times = []
        for _ in range(reads):
            started = time.perf_counter()
            self.get(path, token)
            times.append(time.perf_counter() - started)
        return median(times) * 1e6


@asynccontextmanager
async def server(stack: Endpoints, redis_url: str, dsn: str, readers: dict[str, UUID]) -> AsyncIterator[Hello]:
    prefix = f"b{new_id().hex[-8:]}."
    await topics.apply(stack.kafka_bootstrap, prefix)
    words = [f"{name}={id_}" for name, id_ in readers.items()]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        "serve",
        dsn,
        redis_url,
        prefix,
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if environment("BENCH_LOGS") else asyncio.subprocess.DEVNULL,
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(60):
            yield msgspec.json.decode(await child.stdout.readline(), type=Hello)
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()
        await topics.remove_all(stack.kafka_bootstrap, prefix)


async def fill(database: Database) -> dict[str, UUID]:
    """Readers who follow so many authors of twenty posts each, and one who follows celebrities too."""
    readers = {f"follows {count}": new_id() for count in FOLLOWS} | {"stars": new_id()}
    async with database.work() as work:
        for (name, reader), count in zip(readers.items(), (*FOLLOWS, 200), strict=True):
            fields = {"reader": reader, "text": TEXT, "mode": Mode.PUSHED.value}
            await work.execute(FILL, {**fields, "authors": count})
            if name == "stars":
                await work.execute(FILL, {**fields, "authors": STARS, "mode": Mode.PULLED.value})
        await work.connection.execute("ANALYZE")
    return readers


async def measure(hello: Hello, place: str) -> None:
    client, tokens = Client(hello.port), {reader.name: reader.token for reader in hello.readers}
    for token in tokens.values():
        for _ in range(3):
            client.get("/v1/feed/circle", token)

    def circle(name: str) -> Callable[[], float]:
        return lambda: client.p50("/v1/feed/circle", tokens[name])

    def counters() -> dict[str, float]:
        found: dict[str, float] = msgspec.json.decode(client.get("/bench/counters"))
        return found

    before = counters()
    client.p50("/v1/feed/circle", tokens["follows 500"])
    after = counters()
    trips = (after["trips"] - before["trips"]) / READS
    tell(count(f"circle read, {place}", "Redis round trips a warm read", trips, most=2))
    tell(count(f"circle read, {place}", "SQL calls a warm read", (after["sql"] - before["sql"]) / READS, most=0))
    size = len(client.get("/v1/feed/circle", tokens["follows 500"]))
    what = f"p50 µs, 20 items, {size} B"
    lrange = await in_turn(
        circle("follows 500"), lambda: client.p50("/bench/lrange", tokens["follows 500"]), rounds=9, warm_up=2
    )
    # On a cluster a page lies on all nodes, its LRANGE on one: there the ratio has no bar.
    bar = 1.5 if place == "node" else None
    word = "" if bar else " (reported)"
    tell(compare(f"circle read, {place}", what + word, *lrange, bar=bar, note="one LRANGE over the same wire"))
    library = await in_turn(circle("follows 500"), lambda: client.p50("/bench/lrange-redis-py", tokens["follows 500"]))
    tell(compare(f"circle read, {place}", f"{what} (reported)", *library, bar=None, note="one LRANGE by redis-py"))
    stars = await in_turn(circle("stars"), circle("follows 500"), rounds=9, warm_up=2)
    tell(compare(f"circle read, {place}", f"p50 µs, follower of {STARS} celebrities", *stars, bar=1.25, note="of none"))
    if place != "node":
        return
    flat = await in_turn(circle("follows 1000"), circle("follows 10"), rounds=9)
    tell(compare("circle read", "p50 µs, 1,000 follows", *flat, bar=1.1, note="10 follows"))
    bare = Client(hello.bare_port)
    figures = await in_turn(circle("follows 500"), lambda: bare.p50("/bench/bare"))
    tell(compare("circle read", "p50 µs (reported)", *figures, bar=None, note="bare Litestar, same bytes"))
    for path in ("best-sql", "naive-sql"):
        sql = partial(client.p50, f"/bench/{path}", tokens["follows 500"], 20)
        figures = await in_turn(sql, circle("follows 500"))
        note = f"{path} at 500 follows against Circle: so many times slower"
        tell(compare("circle read", "p50 µs of SQL", *figures, bar=5.0, higher_is_better=True, note=note))


async def main() -> None:
    stack = endpoints(BASE)
    async with AsyncExitStack() as opened:
        make = await opened.enter_async_context(fresh_databases(stack))
        redis_url = await opened.enter_async_context(empty_redis(stack))
        database = await make("feed")
        await apply(database.dsn, all_for("feed"))
        readers = await fill(database)
        async with server(stack, redis_url, database.dsn, readers) as hello:
            await measure(hello, "node")
        if not _answers(stack.cluster_nodes[0]):
            raise SystemExit("no node of the cluster answers: half a bench is none")
        cluster = f"redis+cluster://{stack.cluster_nodes[0]}"
        async with server(stack, cluster, database.dsn, readers) as hello:
            await measure(hello, "cluster of three")


def _answers(node: str) -> bool:
    host, _, port = node.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(*sys.argv[2:5], sys.argv[5:]))  # type: ignore[call-arg]
    else:
        asyncio.run(main())
