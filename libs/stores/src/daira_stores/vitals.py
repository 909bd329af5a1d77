"""What a service's PostgreSQL says about its health: work that waits, work that died, what it knows of the others."""

from datetime import datetime

import msgspec
from obstore.exceptions import BaseError as ObjectStoreError
from psycopg import AsyncConnection, Error
from psycopg.rows import dict_row
from redis.exceptions import RedisError

from daira_kit.errors import Unavailable

STORE_ERRORS: tuple[type[Exception], ...] = (Error, RedisError, ObjectStoreError, Unavailable, OSError, TimeoutError)
"""Everything by which a store says no; `TimeoutError` and `ConnectionError` are OSErrors."""
CONNECT_SECONDS = 5
_VITALS = """
    SELECT clock_timestamp() AS at,
           (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS outbox_waiting,
           (SELECT min(created_at) FROM outbox WHERE published_at IS NULL) AS outbox_since,
           (SELECT count(*) FROM job WHERE state = 'DUE' AND due_at <= clock_timestamp()) AS jobs_due,
           (SELECT min(due_at) FROM job WHERE state = 'DUE' AND due_at <= clock_timestamp()
                AND (leased_until IS NULL OR leased_until < clock_timestamp())) AS jobs_since,
           (SELECT count(*) FROM job WHERE state = 'DEAD') AS jobs_dead,
           (SELECT array_agg(DISTINCT kind ORDER BY kind) FROM job WHERE state = 'DEAD') AS dead_kinds,
           (SELECT count(*) FROM pg_stat_activity) AS connections,
           current_setting('max_connections')::int AS max_connections
"""


class Vitals(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One look at one database."""

    at: datetime
    """Its clock."""
    outbox_waiting: int
    outbox_since: datetime | None
    """When the oldest event was written that no relay has published."""
    jobs_due: int
    jobs_since: datetime | None
    """Since when a due job waits that no worker holds."""
    jobs_dead: int
    dead_kinds: tuple[str, ...] | None
    connections: int
    """Of the whole server."""
    max_connections: int


async def ping(dsn: str) -> None:
    """Connect and ask for nothing. Raises psycopg.OperationalError."""
    async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        await connection.execute("SELECT 1")


async def vitals(dsn: str) -> Vitals:
    """Raises psycopg.Error: the server is away, or the database is not migrated."""
    async with await AsyncConnection.connect(
        dsn, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_SECONDS
    ) as connection:
        row = await (await connection.execute(_VITALS)).fetchone()
        names = {field.name: field.encode_name for field in msgspec.structs.fields(Vitals)}
        return msgspec.convert({names[name]: value for name, value in (row or {}).items()}, Vitals)


async def saved_keys(dsn: str, topic: str) -> set[str]:
    """Keys of a broadcast topic that the service has saved; `topic` with its prefix. Raises psycopg.Error."""
    async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        rows = await connection.execute("SELECT key FROM broadcast WHERE topic = %s", (topic,))
        return {key for (key,) in await rows.fetchall()}
