"""A service's handlers on its live stores, for dead letters: no routes, no relay, no jobs, no consumer.

What the handlers tell and enqueue lies in the outbox and the job table, where the running service finds it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

from daira_bus.broadcast import BroadcastReader
from daira_bus.producer import open_producer
from daira_bus.redrive import Redrive
from daira_kit.errors import Unavailable
from daira_kit.settings import CommonSettings
from daira_runtime.parts import Parts, Platform, S, Service, complete
from daira_stores.operators import alone
from daira_stores.postgres import open_database
from daira_web.tokens import TokenVerifier

POOL = 4
BROADCAST_SECONDS = 60.0


def alone_by_hand(dsn: str, service: str, operator: str) -> AbstractAsyncContextManager[None]:
    """Nobody else gives this service records meanwhile, be they dead letters or a dump.

    Raises OperatorBusy, DatabaseUnavailable.
    """
    return alone(dsn, f"redrive {service}", operator)


@asynccontextmanager
async def open_redrive(service: Service[S], settings: S, operator: str) -> AsyncIterator[Redrive]:
    """`operator` says who this is; one at a time redrives a service.

    Raises OperatorBusy, DatabaseUnavailable, and Unavailable when the broadcast topics cannot be read.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(alone_by_hand(settings.postgres_dsn, service.name, operator))
        platform = Platform(
            database=await stack.enter_async_context(open_database(settings.postgres_dsn, service.name, size=POOL)),
            producer=await stack.enter_async_context(
                open_producer(settings.kafka_bootstrap, service.name, settings.topic_prefix)
            ),
            verifier=TokenVerifier(settings.root_public_key, settings.token_issuer),
        )
        parts = complete(await stack.enter_async_context(service.build(settings, platform)), platform.database)
        await stack.enter_async_context(views_read(settings, platform, parts))
        yield Redrive(parts.subscriptions, parts.target, platform.database, platform.producer, settings.topic_prefix)


@asynccontextmanager
async def views_read(settings: CommonSettings, platform: Platform, parts: Parts) -> AsyncIterator[None]:
    """What handlers look up in memory (word lists) is there before the first of them runs.

    Raises Unavailable when it cannot be read.
    """
    if not parts.views:
        yield
        return
    stop = asyncio.Event()
    reader = BroadcastReader(settings.kafka_bootstrap, platform.database, parts.views, settings.topic_prefix)
    reading = asyncio.create_task(reader.run(stop))
    try:
        try:
            await asyncio.wait_for(reader.ready.wait(), BROADCAST_SECONDS)
        except TimeoutError as error:
            raise Unavailable("broadcast topics cannot be read") from error
        yield
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([reading], timeout=5)
        reading.cancel()
