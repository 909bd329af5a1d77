"""Builds user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from daira_contracts.user import ExportPartWrittenV1
from daira_kit.cursors import CursorCodec
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, open_objects
from daira_stores.postgres import Database
from daira_stores.redis import open_redis
from daira_stores.sections import read_sections
from daira_user.handlers import SUBSCRIPTIONS
from daira_user.jobs import JOBS, sweep
from daira_user.projections import PROJECTIONS
from daira_user.repository.exports import SECTIONS
from daira_user.routes import EXAMPLES, ROUTES
from daira_user.routes.limits import Limits
from daira_user.service import UserService
from daira_user.service.exports import Exports
from daira_user.service.lists import Lists
from daira_user.service.people import People
from daira_user.service.pictures import Pictures
from daira_user.service.preferences import Preferences
from daira_user.service.profiles import Profiles
from daira_user.service.relations import Relations
from daira_user.settings import Settings
from daira_web.limits import Limiter


def make_service(settings: Settings, database: Database) -> UserService:
    """The areas of user on one database."""
    hold, secret = timedelta(days=settings.handle_hold_days), settings.cursor_secret
    return UserService(
        people=People(database, hold=hold, secret=secret),
        profiles=Profiles(database, secret=secret, hold=hold, changes=settings.handle_changes),
        pictures=Pictures(),
        relations=Relations(database),
        lists=Lists(database, CursorCodec(settings.cursor_secret)),
        preferences=Preferences(database),
        exports=Exports(database),
    )


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Everything of one process; nothing is connected yet."""
    parts = JsonParts(
        open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
    )
    user = make_service(settings, platform.database)

    async def sweeping(stop: asyncio.Event) -> None:
        await sweep(user, stop)

    async with open_redis(settings.redis_url) as redis:

        async def redis_answers() -> None:
            await redis.ping()

        yield Parts(
            target=user,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={"user": user, "limits": Limits(Limiter.on_redis(settings.redis_url), settings)},
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            optional={"redis": redis_answers, "s3": parts.check},
            tasks=(sweeping,),
            export=Export(
                told=ExportPartWrittenV1,
                collect=partial(read_sections, platform.database, SECTIONS),
                put=parts.put,
            ),
        )


SERVICE = Service("user", Settings, build, projections=PROJECTIONS)
