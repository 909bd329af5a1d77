"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from daira_contracts.feed import ExportPartWrittenV1
from daira_feed.handlers import SUBSCRIPTIONS
from daira_feed.jobs import JOBS
from daira_feed.projections import PROJECTIONS
from daira_feed.repository import cards, circles
from daira_feed.repository.cards import Cards
from daira_feed.repository.circles import Circles
from daira_feed.repository.exports import SECTIONS
from daira_feed.repository.timelines import Timelines
from daira_feed.repository.wire import Wire, open_wire
from daira_feed.routes import EXAMPLES, ROUTES
from daira_feed.service import FeedService
from daira_feed.service.circle import Circle
from daira_feed.service.erasure import Erasure
from daira_feed.service.filling import Filling
from daira_feed.service.judging import Judging
from daira_feed.service.medias import Medias
from daira_feed.service.people import People
from daira_feed.service.posts import Posts
from daira_feed.service.profile import Profiles
from daira_feed.service.readers import Readers
from daira_feed.service.rebuilding import Rebuilding
from daira_feed.service.refilling import Refilling
from daira_feed.service.shelf import Shelf
from daira_feed.service.spreading import Spreading
from daira_feed.service.switching import Switching
from daira_feed.settings import Settings
from daira_kit.cursors import CursorCodec
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, open_objects
from daira_stores.postgres import Database
from daira_stores.sections import read_sections
from daira_web.limits import Limiter

SCRIPTS = (*cards.SCRIPTS, *circles.SCRIPTS)
KEPT_SHARE = 0.9
"""A Circle nobody reads is gone before pushes to it stop, so that what is found is never stale."""


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Feed, ready for any role. Fan-out has connections of its own, so that readers never queue behind it."""
    timeout = settings.redis_timeout
    async with (
        open_wire(settings.redis_url, timeout=timeout, scripts=SCRIPTS) as reading,
        open_wire(settings.redis_url, timeout=timeout, scripts=SCRIPTS) as writing,
    ):
        feed = assemble(settings, platform.database, reading, writing)
        objects = open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
        yield Parts(
            target=feed,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={"feed": feed, "settings": settings, "limiter": Limiter.on_redis(settings.redis_url)},
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            optional={"redis": reading.ping},
            export=Export(
                told=ExportPartWrittenV1,
                collect=partial(read_sections, platform.database, SECTIONS),
                put=JsonParts(objects).put,
            ),
        )


def assemble(settings: Settings, database: Database, reading: Wire, writing: Wire) -> FeedService:
    """The use-cases on given stores."""
    kept = int(settings.inactive_seconds * KEPT_SHARE)
    inactive, page = settings.inactive_seconds, settings.fan_out_page
    cursors = CursorCodec(settings.cursor_secret)
    judging = Judging(settings.media_wait_seconds)
    posts = Posts(database, judging, settings.media_wait_seconds)
    storing, timelines, circles_ = Cards(writing), Timelines(writing), Circles(writing, kept)
    people = People(database, circles_, storing, threshold=settings.celebrity_followers, inactive_seconds=inactive)
    spreading = Spreading(
        database, writing, storing, timelines, page=page, inactive_seconds=inactive, kept_seconds=kept
    )
    read_side = Circles(reading, kept)
    filling_spread = Spreading(
        database, reading, Cards(reading), Timelines(reading), page=page, inactive_seconds=inactive, kept_seconds=kept
    )
    filling = Filling(database, reading, Cards(reading), Timelines(reading), filling_spread)
    return FeedService(
        posts=posts,
        profiles=Profiles(database, posts, cursors),
        circle=Circle(
            database,
            read_side,
            Shelf(),
            Rebuilding(database, read_side),
            filling,
            cursors,
            reads_per_minute=settings.circle_reads_per_minute,
        ),
        readers=Readers(database),
        judging=judging,
        medias=Medias(database, judging),
        people=people,
        spreading=spreading,
        switching=Switching(
            database,
            writing,
            circles_,
            timelines,
            threshold=settings.celebrity_followers,
            page=page,
            inactive_seconds=inactive,
            kept_seconds=kept,
        ),
        erasure=Erasure(database, storing, circles_, spreading, people),
        refilling=Refilling(database, writing, circles_, storing, spreading, kept),
    )


SERVICE = Service("feed", Settings, build, projections=PROJECTIONS)
