"""One operator at a time for what two at once would spoil."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import dict_row

from daira_kit.errors import Locked
from daira_stores.failures import DatabaseUnavailable

LOCK_FAMILY = 0x4F504552
"""The first half of the advisory locks taken here: "OPER"."""
NAME_MOST = 63
"""PostgreSQL keeps as many bytes of an application's name."""


class OperatorBusy(Locked):
    """Somebody else is at it."""

    code = "operator_busy"


@asynccontextmanager
async def alone(dsn: str, what: str, who: str) -> AsyncIterator[None]:
    """Nobody else does `what` on this database meanwhile; the server lets go when this process dies.

    Raises OperatorBusy with the name of whoever is at it and since when, DatabaseUnavailable.
    """
    name = f"daira {what}: {who}".encode()[:NAME_MOST].decode(errors="ignore")
    try:
        connection = await AsyncConnection.connect(
            dsn, autocommit=True, row_factory=dict_row, application_name=name, connect_timeout=5
        )
    except OperationalError as error:
        raise DatabaseUnavailable from error
    async with connection:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS taken", (LOCK_FAMILY, what))
        row = await cursor.fetchone()
        if row is None or not row["taken"]:
            cursor = await connection.execute(
                """
                SELECT application_name AS who, backend_start AS since FROM pg_locks JOIN pg_stat_activity USING (pid)
                WHERE locktype = 'advisory' AND granted AND classid = %s
                    AND objid::bigint = (hashtext(%s)::bigint & 4294967295)
                    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """,
                (LOCK_FAMILY, what),
            )
            holder = await cursor.fetchone()
            by = f"{holder['who']}, since {holder['since']:%H:%M:%S %Z}" if holder else "somebody who ended just now"
            raise OperatorBusy(f"{what} is being done by {by}")
        yield
