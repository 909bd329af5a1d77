"""One pool per process; `work` writes, `read` only reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from daira_kit.errors import Unavailable
from daira_stores.idempotency import IdempotencyKey, claim
from daira_stores.work import Work

WAKE_CHANNEL = "daira_outbox"
NOTIFY_RELAY = "NOTIFY daira_outbox"


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"


class Database:
    """PostgreSQL of one service. `source` names the service in event headers."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], source: str, dsn: str) -> None:
        self.pool = pool
        self.source = source
        self.dsn = dsn
        self.job_added = asyncio.Event()
        """Set when this process committed a job, so that its own runner need not wait for its next look."""

    @asynccontextmanager
    async def work(self, idempotency: IdempotencyKey | None = None) -> AsyncIterator[Work]:
        """One transaction, committed when the block ends well.

        With an idempotency key it may raise Replayed, IdempotencyMismatch or IdempotencyInProgress.
        Raises DatabaseUnavailable when the connection cannot be had or breaks.
        """
        async with self._connection() as connection:
            async with connection.transaction():
                if idempotency is not None:
                    await claim(connection, idempotency)
                work = Work(connection, self.source, idempotency)
                yield work
                if work.emitted:
                    # NOTIFY takes effect at commit: the relay wakes without polling.
                    await connection.execute(NOTIFY_RELAY)
            if work.enqueued:
                self.job_added.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """A unit of work that cannot write: the database refuses it."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION READ ONLY")
            yield Work(connection, self.source)

    async def check(self) -> None:
        """Raises DatabaseUnavailable when a trivial query fails; for /readyz."""
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        try:
            async with self.pool.connection(timeout=5) as connection:
                yield connection
        except (OperationalError, PoolTimeout) as error:
            raise DatabaseUnavailable from error


@asynccontextmanager
async def open_database(dsn: str, source: str, *, size: int = 8) -> AsyncIterator[Database]:
    """Open the pool; it keeps trying in the background when PostgreSQL is down, so a service starts without it."""
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        kwargs=cast(dict[str, Any], {"row_factory": dict_row, "autocommit": True, "connect_timeout": 3}),
        check=AsyncConnectionPool.check_connection,
        reconnect_timeout=0,
        name=source,
    )
    await pool.open(wait=False)
    try:
        yield Database(pool, source, dsn)
    finally:
        await pool.close(timeout=3)
