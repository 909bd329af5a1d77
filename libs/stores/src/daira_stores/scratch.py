"""Throw-away stores beside the real ones: a database, a keyspace, an empty logical database of Redis."""

from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from daira_kit.errors import Conflict
from daira_stores.cql import open_cql
from daira_stores.redis import open_redis

OWNER_KEY = "daira:scratch:owner"
LOGICAL_DATABASES = 16
SCHEMA_SECONDS = 60.0
"""A change of Cassandra's schema waits until its nodes agree, and some of them may be busy."""


class NoScratch(Conflict):
    """No throw-away store can be had there."""

    code = "no_scratch_store"


async def create_database(server_dsn: str, name: str) -> str:
    """A new database on the server of `server_dsn`, and its connection string. Raises psycopg.Error."""
    await _on_server(server_dsn, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return database_dsn(server_dsn, name)


async def drop_database(server_dsn: str, name: str) -> None:
    """Also while somebody is connected; nothing when there is none."""
    await _on_server(server_dsn, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def database_dsn(server_dsn: str, name: str) -> str:
    """The same server and user, another database."""
    return make_conninfo(server_dsn, dbname=name)


async def create_keyspace(hosts: str, port: int, name: str) -> None:
    """One replica: it lives for minutes."""
    async with open_cql(hosts, port, "system", timeout=SCHEMA_SECONDS) as session:
        await session.run(
            f"CREATE KEYSPACE IF NOT EXISTS {name} "
            "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )


async def drop_keyspace(hosts: str, port: int, name: str) -> None:
    """Nothing when there is none."""
    async with open_cql(hosts, port, "system", timeout=SCHEMA_SECONDS) as session:
        await session.run(f"DROP KEYSPACE IF EXISTS {name}")


async def claim_redis(url: str, owner: str) -> None:
    """Take the logical database of `url` for `owner`, once or again. Raises NoScratch when it holds anything else."""
    async with open_redis(url) as client:
        async with client.pipeline(transaction=True) as both:
            both.set(OWNER_KEY, owner, nx=True)
            both.dbsize()
            both.get(OWNER_KEY)
            taken, size, held = await both.execute()
        if held == owner.encode() and (not taken or size == 1):
            return
        if taken:
            await client.delete(OWNER_KEY)
        raise NoScratch(f"{url} is not empty")


async def claim_free_redis(url: str, owner: str) -> str:
    """The URL of an empty logical database on the node of `url`, the highest first. Raises NoScratch."""
    if url.startswith("redis+cluster://"):
        raise NoScratch("a Redis cluster has one database only, and it is the real one")
    root, _, used = url.rpartition("/")
    for number in reversed(range(1, LOGICAL_DATABASES)):
        if str(number) == used:
            continue
        try:
            await claim_redis(f"{root}/{number}", owner)
        except NoScratch:
            continue
        return f"{root}/{number}"
    raise NoScratch(f"none of the logical databases at {root} is empty")


async def empty_claimed_redis(url: str, owner: str) -> None:
    """As `empty_redis`, when nobody knows which logical database of the node `owner` claimed, if any."""
    if url.startswith("redis+cluster://"):
        return
    root, _, _ = url.rpartition("/")
    for number in range(1, LOGICAL_DATABASES):
        await empty_redis(f"{root}/{number}", owner)


async def empty_redis(url: str, owner: str) -> None:
    """Remove everything from a logical database that `owner` holds; nothing when it is somebody else's."""
    async with open_redis(url) as client:
        if await client.get(OWNER_KEY) == owner.encode():
            await client.flushdb()


async def _on_server(server_dsn: str, statement: sql.Composed) -> None:
    async with await AsyncConnection.connect(
        make_conninfo(server_dsn, dbname="postgres"), autocommit=True, connect_timeout=5
    ) as connection:
        await connection.execute(statement)
