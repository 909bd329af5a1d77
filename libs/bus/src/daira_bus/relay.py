"""The outbox relay: rows become records, at least once, in commit order per key.

One relay holds the advisory lock of a shard; rows are marked one by one, because a high-water mark would skip a row
whose transaction took its id early and committed late.

PostgreSQL may end a relay's connection, and with it the locks, while records of it are on their way: the next relay
must not be overtaken by them, or a compacted topic would keep the older state of a key. So each shard has a fenced
producer. Its fence is taken after the lock, and the rows are read after the fence by the connection that holds the
lock: that it answers proves that whoever holds the lock later has taken the fence later too.
"""

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import conninfo_to_dict
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
T = TypeVar("T")
LOCK_CLASS = 0x0B0C
BATCH = 500
ANSWER_SECONDS = 10.0
"""PostgreSQL is asked at least once a second; a connection on which it says nothing for so long is given up."""


class Relay:
    """Publishes the outbox of one database. Any number may run; each shard has one at a time."""

    def __init__(self, dsn: str, producer: Producer) -> None:
        self._dsn = dsn
        outbox = conninfo_to_dict(dsn).get("dbname")
        self._producers = {shard: producer.fenced(f"relay.{outbox}.{shard}") for shard in range(SHARDS)}
        self._held: set[int] = set()
        self.last_error: str | None = None
        """Why it waits now; None while it goes on."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Waits out the loss of PostgreSQL and Kafka."""
        try:
            await self._run(stop)
        finally:
            await self._hush()

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with await AsyncConnection.connect(
                    self._dsn, autocommit=True, row_factory=dict_row, **KEPT_ALIVE
                ) as connection:
                    self._held.clear()  # advisory locks belong to the connection, and fences to the locks
                    await self._hush()
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
        rows = await self._unpublished(connection, self._held)
        OUTBOX_PENDING.labels("held").set(len(rows))
        if not rows:
            return 0
        shards = {row["shard"] for row in rows}
        if await self._take_fences(shards):
            rows = await self._unpublished(connection, shards)
        published = await self._send(rows)
        await self._mark(connection, published)
        if len(published) < len(rows):
            raise BrokerUnavailable("some rows were not confirmed")
        return len(rows)

    async def _take_fences(self, shards: Iterable[int]) -> bool:
        return any(await _all(self._producers[shard].take() for shard in shards))

    async def _send(self, rows: Sequence[DictRow]) -> list[DictRow]:
        """The rows that count as published."""
        by_shard: dict[int, list[DictRow]] = {}
        for row in rows:
            by_shard.setdefault(row["shard"], []).append(row)
        sent = await _all(self._send_shard(*one) for one in by_shard.items())
        return [row for published in sent for row in published]

    async def _send_shard(self, shard: int, rows: Sequence[DictRow]) -> list[DictRow]:
        records = [(row["topic"], row["key"], row["value"], encode_headers(row["headers"])) for row in rows]
        try:
            return in_order(rows, await self._producers[shard].send_each(records))
        except BrokerUnavailable as error:
            logger.warning("relay_shard_waits", shard=shard, error=repr(error))
            return []

    async def _hush(self) -> None:
        await _all(producer.close() for producer in self._producers.values())

    async def _unpublished(self, connection: AsyncConnection[DictRow], shards: Collection[int]) -> list[DictRow]:
        with answering(connection, ANSWER_SECONDS):
            cursor = await connection.execute(
                """
                SELECT id, shard, topic, key, value, headers FROM outbox
                WHERE published_at IS NULL AND shard = ANY(%s) ORDER BY id LIMIT %s
                """,
                (sorted(shards), BATCH),
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


async def _all(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results; raises the first failure when the last of them has ended, so that none goes on unseen."""
    found = await asyncio.gather(*coroutines, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


async def _wait_for_rows(connection: AsyncConnection[DictRow]) -> None:
    # Also after a second without a word: a notification can be lost with its connection.
    async for _ in connection.notifies(timeout=1.0, stop_after=1):
        pass


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
