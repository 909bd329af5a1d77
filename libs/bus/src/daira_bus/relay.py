"""The outbox relay: rows become records, at least once, in commit order per key.

One relay holds the advisory lock of a shard; rows are marked one by one, because a high-water mark would skip a row
whose transaction took its id early and committed late.
"""

import asyncio
from collections.abc import Sequence

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow, dict_row

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import BrokerUnavailable
from daira_bus.producer import Producer, encode_headers
from daira_observe.logs import get_logger
from daira_observe.metrics import OUTBOX_PENDING, OUTBOX_PUBLISHED
from daira_stores.postgres import WAKE_CHANNEL
from daira_stores.silence import KEPT_ALIVE, answering
from daira_stores.work import SHARDS

logger = get_logger(__name__)
LOCK_CLASS = 0x0B0C
BATCH = 500
ANSWER_SECONDS = 10.0
"""PostgreSQL is asked at least once a second; a connection on which it says nothing for so long is given up."""


class Relay:
    """Publishes the outbox of one database. Any number may run; each shard has one at a time."""

    def __init__(self, dsn: str, producer: Producer) -> None:
        self._dsn, self._producer = dsn, producer
        self._held: set[int] = set()
        self.last_error: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Waits out the loss of PostgreSQL and Kafka."""
        while not stop.is_set():
            try:
                async with await AsyncConnection.connect(
                    self._dsn, autocommit=True, row_factory=dict_row, **KEPT_ALIVE
                ) as connection:
                    self._held.clear()  # advisory locks belong to the connection
                    with answering(connection, ANSWER_SECONDS):
                        await connection.execute(f"LISTEN {WAKE_CHANNEL}")
                    await self._relay(connection, stop)
            except (OperationalError, BrokerUnavailable, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                # Also cancelled by nobody: clients let their own cancellations out.
                self.last_error = repr(error)
                logger.warning("relay_waits", error=self.last_error)
                await _sleep(stop, 0.5)

    async def _relay(self, connection: AsyncConnection[DictRow], stop: asyncio.Event) -> None:
        while not stop.is_set():
            with answering(connection, ANSWER_SECONDS):
                await self._take_shards(connection)
            published = await self.drain(connection) if self._held else 0
            self.last_error = None
            if published < BATCH:
                await _wait_for_rows(connection)

    async def _take_shards(self, connection: AsyncConnection[DictRow]) -> None:
        for shard in set(range(SHARDS)) - self._held:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s) AS taken", (LOCK_CLASS, shard))
            row = await cursor.fetchone()
            if row is not None and row["taken"]:
                self._held.add(shard)

    async def drain(self, connection: AsyncConnection[DictRow]) -> int:
        """Publish one batch of the held shards and return how many rows it had. Raises BrokerUnavailable."""
        rows = await self._unpublished(connection)
        OUTBOX_PENDING.labels("held").set(len(rows))
        if not rows:
            return 0
        confirmed = await self._producer.send_each(
            [(row["topic"], row["key"], row["value"], encode_headers(row["headers"])) for row in rows]
        )
        await self._mark(connection, in_order(rows, confirmed))
        if not all(confirmed):
            raise BrokerUnavailable("some rows were not confirmed")
        return len(rows)

    async def _unpublished(self, connection: AsyncConnection[DictRow]) -> list[DictRow]:
        with answering(connection, ANSWER_SECONDS):
            cursor = await connection.execute(
                """
                SELECT id, topic, key, value, headers FROM outbox
                WHERE published_at IS NULL AND shard = ANY(%s) ORDER BY id LIMIT %s
                """,
                (sorted(self._held), BATCH),
            )
            return await cursor.fetchall()

    async def _mark(self, connection: AsyncConnection[DictRow], rows: Sequence[DictRow]) -> None:
        with answering(connection, ANSWER_SECONDS):
            await connection.execute(
                "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)", ([row["id"] for row in rows],)
            )
        for row in rows:
            OUTBOX_PUBLISHED.labels(row["topic"]).inc()


def in_order(rows: Sequence[DictRow], confirmed: Sequence[bool]) -> list[DictRow]:
    """The rows that count as published: confirmed, with no unconfirmed row of the same key before them."""
    broken: set[tuple[str, str]] = set()
    published = []
    for row, done in zip(rows, confirmed, strict=True):
        stream = (row["topic"], row["key"])
        if done and stream not in broken:
            published.append(row)
        else:
            broken.add(stream)
    return published


async def _wait_for_rows(connection: AsyncConnection[DictRow]) -> None:
    # Also after a second without a word: a notification can be lost with its connection.
    async for _ in connection.notifies(timeout=1.0, stop_after=1):
        pass


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
