"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daira_contracts.interaction import ExportPartWrittenV1
from daira_interaction.handlers import SUBSCRIPTIONS
from daira_interaction.projections import PROJECTIONS
from daira_interaction.repository.events import EventRepository
from daira_interaction.routes import EXAMPLES, ROUTES
from daira_interaction.service import InteractionService
from daira_interaction.settings import Settings
from daira_kit.cursors import CursorCodec
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.cql import migrate_cql, open_cql
from daira_stores.objects import JsonParts, open_objects
from daira_stores.redis import AnyRedis, open_redis
from daira_web.limits import Limiter


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Ready without Cassandra and Redis: events go to the log, limits open, the export says 503."""
    async with (
        open_cql(settings.cql_hosts, settings.cql_port, settings.cql_keyspace) as session,
        open_redis(settings.redis_url) as redis,
    ):
        interaction = InteractionService(
            platform.database, EventRepository(session), platform.producer, CursorCodec(settings.cursor_secret)
        )
        limiter = Limiter.on_redis(settings.redis_url)
        objects = open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
        yield Parts(
            target=interaction,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={"interaction": interaction, "limiter": limiter, "settings": settings},
            subscriptions=SUBSCRIPTIONS,
            optional={"cassandra": session.check, "redis": lambda: ping(redis)},
            export=Export(told=ExportPartWrittenV1, collect=interaction.collect, put=JsonParts(objects).put),
        )


async def ping(redis: AnyRedis) -> None:
    """For /readyz; the limits have connections of their own."""
    await redis.ping()


async def migrate(settings: Settings) -> None:
    """Tables of the keyspace."""
    await migrate_cql(settings.cql_hosts, settings.cql_port, settings.cql_keyspace, "daira_interaction")


SERVICE = Service("interaction", Settings, build, migrate=migrate, projections=PROJECTIONS)
