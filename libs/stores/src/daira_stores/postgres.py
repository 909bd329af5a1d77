"""One pool per process; `work` writes, `read` only reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from daira_stores.circuit import WAIT_SECONDS, Circuit
from daira_stores.failures import failure_of
from daira_stores.idempotency import IdempotencyKey, claim
from daira_stores.silence import KEPT_ALIVE, answering
from daira_stores.work import Work

WAKE_CHANNEL = "daira_outbox"
NOTIFY_RELAY = "NOTIFY daira_outbox"


CHECK_SECONDS = 2.0
"""A connection that does not answer for so long before it is used is thrown away."""


class Database:
    """PostgreSQL of one service. `source` names the service in event headers."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[DictRow]],
        source: str,
        dsn: str,
        circuit: Circuit | None = None,
    ) -> None:
        self.pool = pool
        self._circuit = circuit or Circuit()
        self.source = source
        self.dsn = dsn
        self.job_added = asyncio.Event()
        """Set when this process committed a job, so that its own runner need not wait for its next look."""

    @asynccontextmanager
    async def work(self, idempotency: IdempotencyKey | None = None) -> AsyncIterator[Work]:
        """One transaction, committed when the block ends well.

        With an idempotency key it may raise Replayed, IdempotencyMismatch or IdempotencyInProgress.
        Raises DatabaseUnavailable when the connection cannot be had or breaks, at once while the database is away;
        DatabaseExhausted when it is full; DatabaseLimitExceeded for what it can never take.
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
            async with self._circuit.waiting():
                connection = await self.pool.getconn(timeout=2 * WAIT_SECONDS)
            try:
                yield connection
            finally:
                await self.pool.putconn(connection)
        except OperationalError as error:
            raise failure_of(error) from error


class _Pool(AsyncConnectionPool[AsyncConnection[DictRow]]):
    @staticmethod
    async def check_connection(conn: AsyncConnection[Any]) -> None:
        with answering(conn, CHECK_SECONDS):
            await AsyncConnectionPool.check_connection(conn)


@asynccontextmanager
async def open_database(dsn: str, source: str, *, size: int = 8) -> AsyncIterator[Database]:
    """Open the pool; it begins without PostgreSQL too, so that a service starts without it."""
    circuit = Circuit()
    pool = _Pool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        kwargs=cast(dict[str, Any], {"row_factory": dict_row, "autocommit": True, **KEPT_ALIVE}),
        check=_Pool.check_connection,
        configure=circuit.connected,
        reconnect_timeout=0,
        reconnect_failed=circuit.refused,
        name=source,
    )
    await pool.open(wait=False)
    try:
        yield Database(pool, source, dsn, circuit)
    finally:
        await pool.close(timeout=3)
