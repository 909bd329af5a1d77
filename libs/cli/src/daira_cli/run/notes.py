"""The notebook of a run: how far it came, and what records changed in any of its throw-away stores."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from psycopg import AsyncConnection
from psycopg import Error as PostgresError
from psycopg.rows import DictRow, dict_row

from daira_cli.errors import Refused
from daira_stores import changes
from daira_stores.changes import Change, Progress
from daira_stores.changes_elsewhere import CqlChanges, RedisChanges
from daira_stores.cql import before_each_write, open_cql
from daira_stores.redis import open_redis


class Notes:
    """Kept in the throw-away database; `elsewhere` are the other stores that the service writes to."""

    def __init__(self, connection: AsyncConnection[DictRow], elsewhere: list[CqlChanges | RedisChanges]) -> None:
        self._connection, self._elsewhere = connection, elsewhere

    async def noted(self) -> list[Change]:
        """See `Notebook`."""
        found = await changes.noted(self._connection)
        for store in self._elsewhere:
            found += await store.noted()
        return found

    async def settle(self, progress: Progress) -> None:
        """See `Notebook`. All or nothing: what is forgotten here was told."""
        async with self._connection.transaction():
            await changes.settle(self._connection, progress)
            for store in self._elsewhere:
                await store.settle()

    async def progress(self) -> Progress:
        """How far an earlier run came."""
        return await changes.progress_of(self._connection)


@asynccontextmanager
async def open_notes(led: Any) -> AsyncIterator[Notes]:
    """On the stores of `led`; what a service built inside writes to Cassandra is noted.

    Raises Refused when an earlier run's database is gone.
    """
    async with AsyncExitStack() as stack:
        connection = await _connected(led.postgres_dsn)
        stack.push_async_callback(_close, connection)
        elsewhere: list[CqlChanges | RedisChanges] = []
        if hasattr(led, "cql_keyspace"):
            session = await stack.enter_async_context(open_cql(led.cql_hosts, led.cql_port, led.cql_keyspace))
            cassandra = CqlChanges(session, led.cql_keyspace, connection)
            stack.enter_context(before_each_write(cassandra.before))
            elsewhere.append(cassandra)
        if hasattr(led, "redis_url"):
            client = await stack.enter_async_context(open_redis(led.redis_url))
            elsewhere.append(RedisChanges(client, connection))
        yield Notes(connection, elsewhere)


async def _connected(dsn: str) -> AsyncConnection[DictRow]:
    try:
        connection = await AsyncConnection.connect(dsn, autocommit=True, row_factory=dict_row, connect_timeout=5)
        await changes.install(connection)
    except PostgresError as error:
        raise Refused(f"the throw-away database does not answer: {error}", then="begin anew with --restart") from error
    return connection


async def _close(connection: AsyncConnection[DictRow]) -> None:
    with suppress(Exception):
        await connection.close()
