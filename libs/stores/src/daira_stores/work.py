"""The unit of work: one PostgreSQL transaction that carries state, outbox rows, jobs and the idempotency row."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from daira_contracts._event import Event
from daira_contracts.topics import topics
from daira_kit.errors import PayloadTooLarge
from daira_kit.ids import new_id
from daira_observe.tracing import cause, traceparent
from daira_stores.idempotency import IdempotencyKey, store_answer

SHARDS = 4
"""Relays share an outbox by shard; a key always falls in the same one. Fixed: changing it breaks order in flight."""

RECORD_OVERHEAD = 4_096
"""Room for key, headers and framing below a topic's maxBytes, so that no row can block its shard."""

CAUSE = "daira-cause"
"""Header of what is told while an event is handled, or by a job that this enqueued: the event's `ce_id`."""

Parameters = Sequence[Any] | dict[str, Any] | None


class EventTooLarge(PayloadTooLarge):
    """An event is larger than a topic can carry."""

    code = "event_too_large"


def shard_of(key: str) -> int:
    """The outbox shard of a key: stable over processes and Python versions."""
    return blake2b(key.encode(), digest_size=2).digest()[0] % SHARDS


class Work:
    """One open transaction. Whoever opened it commits; services and repositories never do."""

    def __init__(
        self,
        connection: AsyncConnection[DictRow],
        source: str,
        idempotency: IdempotencyKey | None = None,
    ) -> None:
        self.connection = connection
        self.source = source
        self.emitted = False
        self.enqueued = False
        self._idempotency = idempotency

    async def execute(self, statement: LiteralString, parameters: Parameters = None) -> AsyncCursor[DictRow]:
        """Run one statement inside this transaction."""
        return await self.connection.execute(statement, parameters)

    async def one(self, statement: LiteralString, parameters: Parameters = None) -> DictRow | None:
        """The first row, or None."""
        return await (await self.execute(statement, parameters)).fetchone()

    async def all(self, statement: LiteralString, parameters: Parameters = None) -> list[DictRow]:
        """All rows."""
        return await (await self.execute(statement, parameters)).fetchall()

    async def stream(self, statement: LiteralString, parameters: Parameters = None) -> AsyncGenerator[DictRow]:
        """Rows through a cursor of the server, so that any number fits into memory; one stream at a time."""
        async with self.connection.cursor(name="stream") as cursor:
            await cursor.execute(statement, parameters)
            async for row in cursor:
                yield row

    async def emit(self, event: Event) -> None:
        """Write the outbox row of `event`.

        Lock or write the aggregate's row first: then outbox order is commit order for its key.
        Raises EventTooLarge when the topic cannot carry it.
        """
        value = msgspec.json.encode(event)
        if len(value) > topics()[event.topic].max_bytes - RECORD_OVERHEAD:
            raise EventTooLarge(f"{event.topic} of {len(value)} bytes")
        headers = {
            "ce_id": str(event.event_id),
            "ce_type": event.topic,
            "ce_source": self.source,
            "ce_time": event.occurred_at.isoformat(),
        }
        await self._put_outbox(event.topic, event.key_text(), event.event_id, value, headers)

    async def emit_tombstone(self, event_type: type[Event], key: str) -> None:
        """Remove a key from a state topic: compaction then forgets all its values."""
        event_id = new_id()
        headers = {"ce_id": str(event_id), "ce_type": event_type.topic, "ce_source": self.source}
        await self._put_outbox(event_type.topic, key, event_id, None, headers)

    async def retract(self, event_type: type[Event], key: str) -> None:
        """Take back what the outbox holds of a key, told or not: rows stay there for a day after they were told.

        For erasures, before the tombstone.
        """
        await self.execute("DELETE FROM outbox WHERE topic = %s AND key = %s", (event_type.topic, key))

    async def forget_answers(self, user_id: UUID) -> None:
        """Forget the stored answers to a person's requests with an Idempotency-Key; for erasures."""
        await self.execute("DELETE FROM idempotency WHERE scope LIKE %s", (f"{user_id} %",))

    async def enqueue(self, kind: str, key: str, payload: object = None, *, due_at: datetime | None = None) -> None:
        """Add a job, or renew the one with the same kind and key (also a dead one). `payload` is written as JSON."""
        await self._put_jobs(
            """
            INSERT INTO job (kind, key, payload, traceparent, cause, due_at)
            VALUES (%s, %s, %s, %s, %s, coalesce(%s, clock_timestamp()))
            ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, due_at = excluded.due_at,
                traceparent = excluded.traceparent, cause = excluded.cause, state = 'DUE', attempts = 0, deaths = 0
            """,
            (kind, key, Jsonb(msgspec.to_builtins(payload)), traceparent(), cause(), due_at),
        )

    async def enqueue_many(self, kind: str, keys: Sequence[str]) -> None:
        """As many jobs without a payload in one statement; each key once."""
        if keys:
            await self._put_jobs(
                """
                INSERT INTO job (kind, key, payload, traceparent, cause)
                SELECT %s, key, 'null', %s, %s FROM unnest(%s::text[]) AS wanted (key)
                ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, due_at = excluded.due_at,
                    traceparent = excluded.traceparent, cause = excluded.cause, state = 'DUE', attempts = 0, deaths = 0
                """,
                (kind, traceparent(), cause(), list(keys)),
            )

    async def answer(self, status: int, body: object) -> None:
        """Remember the HTTP answer for this request's Idempotency-Key, if it has one."""
        if self._idempotency is not None:
            await store_answer(self.connection, self._idempotency, status, msgspec.json.encode(body))

    # All that leaves a transaction beside its state leaves by these two: a replay without effects shuts them.

    async def _put_jobs(self, statement: LiteralString, parameters: Sequence[Any]) -> None:
        await self.execute(statement, parameters)
        self.enqueued = True

    async def _put_outbox(
        self, topic: str, key: str, event_id: object, value: bytes | None, headers: dict[str, str]
    ) -> None:
        parent = traceparent()
        if parent:
            headers["traceparent"] = parent
        because = cause()
        if because:
            headers[CAUSE] = because
        await self.execute(
            "INSERT INTO outbox (event_id, shard, topic, key, value, headers) VALUES (%s, %s, %s, %s, %s, %s)",
            (event_id, shard_of(key), topic, key, value, Jsonb(headers)),
        )
        self.emitted = True
