"""Every test run gets its own databases, topics, Redis database, keyspace and bucket prefix on a running stack.

Use them with `pytest_plugins = ["daira_testing.fixtures"]` in the repository's conftest.py.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import uvloop
from redis.exceptions import RedisClusterException, RedisError

from daira_bus import topics as broker
from daira_bus.producer import open_producer
from daira_devtools.stack import Endpoints, Stack, endpoints
from daira_kit.settings import environment
from daira_observe.logs import set_up_logging
from daira_stores.cql import open_cql
from daira_stores.postgres import Database, open_database
from daira_stores.redis import AnyRedis, open_redis
from daira_testing import databases
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

DEFAULT_BASE = "8080"


def pytest_configure() -> None:
    """Logs as in production: one JSON line each, so that a failing test shows what a person would see."""
    set_up_logging("test", "WARNING")


LOCK_SECONDS = 1800
NO_CLUSTER = "no Valkey Cluster here: `make test` has one, and so has `stack up --with valkey-cluster`"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> Endpoints:
    """The running stores; DAIRA_STACK_BASE names the base port."""
    return endpoints(int(environment("DAIRA_STACK_BASE", DEFAULT_BASE)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_stack() -> Stack:
    """A stack this run may break: servers are stopped, killed and started again."""
    name = environment("DAIRA_STACK_NAME")
    if not name:
        pytest.skip("stops servers, so it needs a stack of its own: run it by `make test`")
    return Stack.named(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mint() -> TokenMint:
    """Keys of the tests' own."""
    return TokenMint()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def probe(stack: Endpoints) -> AsyncIterator[TopicProbe]:
    """All topics of the contracts under a prefix of this run."""
    prefix = f"t{secrets.token_hex(4)}."
    await broker.apply(stack.kafka_bootstrap, prefix)
    async with open_producer(stack.kafka_bootstrap, "test", prefix) as producer:
        yield TopicProbe(stack.kafka_bootstrap, prefix, producer)
    await broker.remove_all(stack.kafka_bootstrap, prefix)


MakeDatabase = Callable[..., Awaitable[Database]]


@asynccontextmanager
async def fresh_databases(stack: Endpoints) -> AsyncIterator[MakeDatabase]:
    """What `make_database` does, for fixtures of another scope."""
    names: list[str] = []
    async with AsyncExitStack() as opened:

        async def make(service: str | None = None) -> Database:
            name = await databases.create(stack, service)
            names.append(name)
            return await opened.enter_async_context(open_database(stack.postgres_dsn(name), service or "test", size=4))

        yield make
    for name in names:
        await databases.drop(stack, name)


@pytest_asyncio.fixture(loop_scope="session")
async def make_database(stack: Endpoints) -> AsyncIterator[MakeDatabase]:
    """`await make_database("feed")`: a fresh, migrated database of that service, dropped after the test.

    Without a name it has the delivery tables only.
    """
    async with fresh_databases(stack) as make:
        yield make


@asynccontextmanager
async def empty_redis(stack: Endpoints) -> AsyncIterator[str]:
    """What `redis_url` does, for fixtures of another scope."""
    root = stack.redis_url.rsplit("/", 1)[0]
    async with open_redis(f"{root}/0") as keeper:
        while True:
            for number in range(1, 16):
                if await keeper.set(f"test-database-{number}", "taken", nx=True, ex=LOCK_SECONDS):
                    break
            else:
                await asyncio.sleep(0.2)
                continue
            break
        url = f"{root}/{number}"
        async with open_redis(url) as client:
            await client.flushdb()
        yield url
        await keeper.delete(f"test-database-{number}")


@pytest_asyncio.fixture(loop_scope="session")
async def redis_url(stack: Endpoints) -> AsyncIterator[str]:
    """An empty Redis database that no other test uses meanwhile."""
    async with empty_redis(stack) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def redis(redis_url: str) -> AsyncIterator[AnyRedis]:
    """A client of `redis_url`."""
    async with open_redis(redis_url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session", params=["node", "cluster"])
async def any_redis_url(request: pytest.FixtureRequest, stack: Endpoints, redis_url: str) -> str:
    """`redis_url`, then a cluster of three. The cluster is shared: keys need a prefix of the test's own."""
    if request.param == "node":
        return redis_url
    if not stack.cluster_nodes:
        pytest.fail(NO_CLUSTER)
    url = f"redis+cluster://{stack.cluster_nodes[0]}"
    async with open_redis(url, timeout=1) as client:
        try:
            await client.ping()
        except (RedisError, RedisClusterException, OSError):
            pytest.fail(NO_CLUSTER)
    return url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def keyspace(stack: Endpoints) -> AsyncIterator[str]:
    """A keyspace of this run; dropped at its end."""
    name = f"test_{secrets.token_hex(4)}"
    async with open_cql(stack.cql_hosts, stack.cql_port, "system") as session:
        await session.run(
            f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
        yield name
        await session.run(f"DROP KEYSPACE {name}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def common_settings(stack: Endpoints, probe: TopicProbe, mint: TokenMint) -> Callable[[Database], dict[str, Any]]:
    """`common_settings(database)`: keyword arguments for a service's settings struct."""

    def make(database: Database) -> dict[str, Any]:
        return {
            "env": "dev",
            "postgres_dsn": database.dsn,
            "kafka_bootstrap": stack.kafka_bootstrap,
            "cursor_secret": "test-cursor-secret",
            "root_public_key": mint.root_public_key,
            "topic_prefix": probe.prefix,
            "drain_seconds": 5.0,
            "postgres_pool_size": 4,
        }

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def object_settings(stack: Endpoints) -> dict[str, str]:
    """Keyword arguments for the settings of a service that writes to the object store."""
    return {
        "s3_endpoint": stack.s3_endpoint,
        "s3_access_key": stack.s3_access_key,
        "s3_secret_key": stack.s3_secret_key,
        "s3_bucket": stack.s3_bucket,
    }
