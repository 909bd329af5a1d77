"""A service's consumer without its process: records go through its own handlers, nothing goes out by itself.

No relay, no job runner, no tasks, no broadcast reader, no HTTP. What a handler tells others stays in the outbox and
what it leaves to do stays in the job table: on a throw-away database that is what would have been sent and have run.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from typing import Any, LiteralString

import msgspec

from daira_bus.dlq import DeadLetters
from daira_bus.handling import RecordHandler
from daira_bus.producer import Headers, Producer
from daira_bus.subscription import Subscription
from daira_kit.settings import CommonSettings
from daira_runtime.parts import Parts, Platform, Service, complete
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database, open_database
from daira_stores.work import Work
from daira_web.tokens import TokenVerifier

NOWHERE = "127.0.0.1:9"
"""Discard: nothing listens there."""

Handling = Callable[..., Awaitable[None]]
Around = Callable[[Handling, Sequence[Any]], Awaitable[None]]
"""`around(handler, arguments)` must call `handler(*arguments)`; it may count, stop a debugger or give up."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was not sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


class HoldingProducer(Producer):
    """Keeps what a producer would send; never connects. `held` may be taken and cleared by its owner."""

    def __init__(self, source: str) -> None:
        super().__init__(NOWHERE, source)
        self.held: list[Held] = []

    async def _send_all(
        self, records: Sequence[tuple[str, str | bytes | None, bytes | None, Headers]], timeout: float
    ) -> None:
        for topic, key, value, headers in records:
            texts = {name: (content or b"").decode(errors="replace") for name, content in headers}
            raw = key.encode() if isinstance(key, str) else key
            self.held.append(Held(topic=topic, key=raw, value=value, headers=texts))

    async def send_each(
        self, records: Sequence[tuple[str, str, bytes | None, Headers]], timeout: float = 10.0
    ) -> list[bool]:
        """Every one is held and counts as confirmed."""
        await self._send_all(records, timeout)
        return [True] * len(records)


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A service ready to be given records; `handler` takes those of `subscriptions`, by topic without a prefix."""

    service: str
    platform: Platform
    parts: Parts
    subscriptions: dict[str, Subscription]
    handler: RecordHandler
    producer: HoldingProducer


@asynccontextmanager
async def open_replay(
    service: Service[Any], settings: CommonSettings, around: Around, *, effects: bool = True
) -> AsyncIterator[Replay]:
    """Build the service on `settings`, which must name throw-away stores unless its real ones are meant.

    Without `effects` handlers change state and neither tell anybody nor add jobs.
    """
    producer = HoldingProducer(service.name)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(settings.postgres_dsn, service.name, size=settings.postgres_pool_size)
        )
        if not effects:
            database = QuietDatabase(database.pool, database.source, database.dsn)
        platform = Platform(
            database=database,
            producer=producer,
            verifier=TokenVerifier(settings.root_public_key, settings.token_issuer),
        )
        parts = complete(await stack.enter_async_context(service.build(settings, platform)), database)
        by_topic = {one.topic: _watched(one, around) for one in parts.subscriptions}
        yield Replay(
            service=service.name,
            platform=platform,
            parts=parts,
            subscriptions=by_topic,
            handler=RecordHandler(by_topic, parts.target, database, DeadLetters(producer, service.name)),
            producer=producer,
        )


class QuietWork(Work):
    """A unit of work that tells nobody and leaves nothing to do."""

    async def _put_jobs(self, statement: LiteralString, parameters: Sequence[Any]) -> None:
        """Nothing runs."""

    async def _put_outbox(
        self, topic: str, key: str, event_id: object, value: bytes | None, headers: dict[str, str]
    ) -> None:
        """Nothing is sent."""


class QuietDatabase(Database):
    """Hands out units of work without effects."""

    @asynccontextmanager
    async def work(self, idempotency: IdempotencyKey | None = None) -> AsyncIterator[Work]:
        """See `Database.work`."""
        async with super().work(idempotency) as work:
            yield QuietWork(work.connection, self.source, idempotency)


def _watched(subscription: Subscription, around: Around) -> Subscription:
    def wrap(handler: Handling) -> Handling:
        @wraps(handler)
        async def handled(*arguments: Any) -> None:
            await around(handler, arguments)

        return handled

    tombstone = subscription.tombstone
    return msgspec.structs.replace(
        subscription, handler=wrap(subscription.handler), tombstone=None if tombstone is None else wrap(tombstone)
    )
