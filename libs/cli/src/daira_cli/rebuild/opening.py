"""A service's stores and use-cases, without anything of it running."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from daira_bus.producer import open_producer
from daira_bus.projection import Projection, Rebuildable
from daira_cli.services import AnyService
from daira_runtime import Platform
from daira_stores.postgres import Database, open_database
from daira_web.tokens import TokenVerifier

POOL = 4


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """`target` is what the service's handlers are given; None when the projection needs nothing of it."""

    database: Database
    target: Any


@asynccontextmanager
async def opened(service: AnyService, settings: Any, projection: Rebuildable) -> AsyncIterator[Opened]:
    """What `projection` needs of its service. Nothing is sent: what it tells lies in the outbox."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.postgres_dsn, service.name, size=POOL))
        await database.check()
        target = None
        if not isinstance(projection, Projection) or projection.react is not None:
            producer = open_producer(settings.kafka_bootstrap, service.name, settings.topic_prefix)
            platform = Platform(
                database=database,
                producer=await stack.enter_async_context(producer),
                verifier=TokenVerifier(settings.root_public_key, settings.token_issuer),
            )
            target = (await stack.enter_async_context(service.build(settings, platform))).target
        yield Opened(database=database, target=target)
