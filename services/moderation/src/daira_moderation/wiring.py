"""Builds moderation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from daira_bus.broadcast import view
from daira_contracts.moderation import ExportPartWrittenV1, WordlistChangedV1
from daira_kit.cursors import CursorCodec
from daira_moderation.handlers import SUBSCRIPTIONS
from daira_moderation.jobs import JOBS, publish_packaged
from daira_moderation.repository.exports import SECTIONS
from daira_moderation.routes import EXAMPLES, ROUTES
from daira_moderation.service import ModerationService
from daira_moderation.service.cases import Cases
from daira_moderation.service.policy import Policy
from daira_moderation.service.rejudging import Rejudging
from daira_moderation.service.verdicts import Verdicts
from daira_moderation.service.wordlists import WordLists, packaged
from daira_moderation.settings import Settings
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, open_objects
from daira_stores.redis import open_redis
from daira_stores.sections import read_sections
from daira_web.limits import Limiter


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Everything of one process; nothing is connected yet."""
    database, policy = platform.database, Policy(packaged())
    moderation = ModerationService(
        policy=policy,
        verdicts=Verdicts(database, policy),
        rejudging=Rejudging(database, policy, batch=settings.rejudged_per_second),
        cases=Cases(database, CursorCodec(settings.cursor_secret)),
        wordlists=WordLists(database, rejudge_delay=timedelta(seconds=settings.rejudge_delay_seconds)),
    )

    async def publishing(stop: asyncio.Event) -> None:
        await publish_packaged(moderation, stop)

    parts = JsonParts(
        open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
    )
    async with open_redis(settings.redis_url) as redis:

        async def redis_answers() -> None:
            await redis.ping()

        yield Parts(
            target=moderation,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={
                "moderation": moderation,
                "settings": settings,
                "limiter": Limiter.on_redis(settings.redis_url),
            },
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            views=(view(WordlistChangedV1, policy.put, policy.remove),),
            tasks=(publishing,),
            optional={"redis": redis_answers, "s3": parts.check},
            export=Export(told=ExportPartWrittenV1, collect=partial(read_sections, database, SECTIONS), put=parts.put),
        )


SERVICE = Service("moderation", Settings, build)
