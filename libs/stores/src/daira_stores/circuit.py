"""Nobody waits for a connection that cannot come: while PostgreSQL is away, requests are refused at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg_pool import AsyncConnectionPool

from daira_observe.logs import get_logger
from daira_stores.failures import unavailable

logger = get_logger(__name__)
WAIT_SECONDS = 5.0
"""For a connection, while all are in use."""
PROBE_SECONDS = 0.5
"""While the database is away one caller in this time tries it; the others are refused."""


class Circuit:
    """Open from a failed attempt to connect, with nothing else connected, until an attempt succeeds."""

    def __init__(self) -> None:
        self._refused_at: float | None = None
        self._waiting: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Around the wait for a connection.

        Raises DatabaseUnavailable at once while the circuit is open, when it opens meanwhile, or after WAIT_SECONDS.
        """
        self._refuse()
        try:
            async with asyncio.timeout(WAIT_SECONDS) as scope:
                self._waiting.add(scope)
                try:
                    yield
                finally:
                    self._waiting.discard(scope)
        except TimeoutError as error:
            raise unavailable() from error

    async def connected(self, _connection: object) -> None:
        """The pool has a new connection."""
        if self._refused_at is not None:
            logger.info("database_is_back")
        self._refused_at = None

    async def refused(self, pool: AsyncConnectionPool[Any]) -> None:
        """An attempt to connect failed."""
        if pool.get_stats().get("pool_size", 0) > 0:
            await pool.check()  # what lies idle may be dead too: each of it is then tried anew
            return
        if self._refused_at is None:
            logger.warning("database_is_away")
        self._refused_at = time.monotonic()
        for scope in self._waiting:
            scope.reschedule(0)

    def _refuse(self) -> None:
        if self._refused_at is None:
            return
        clock = time.monotonic()
        if clock - self._refused_at < PROBE_SECONDS:
            raise unavailable()
        self._refused_at = clock  # this caller tries; whoever comes next to it is refused
