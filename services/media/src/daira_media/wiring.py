"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import aiohttp

from daira_audience import Audiences, Circles
from daira_confinement import Level
from daira_confinement.measurement import measured
from daira_contracts.media import ExportPartWrittenV1
from daira_kit.errors import Unavailable
from daira_media.adapters.bytes_store import BytesStore
from daira_media.adapters.multipart import Multipart
from daira_media.adapters.sandbox import Decoder
from daira_media.domain.purposes import MIB, Limits
from daira_media.handlers import SUBSCRIPTIONS
from daira_media.jobs import JOBS
from daira_media.metrics import SANDBOX_LEAK, SANDBOX_LEVEL
from daira_media.projections import PROJECTIONS
from daira_media.repository.exports import SECTIONS
from daira_media.repository.shown import SHOWN
from daira_media.routes import ROUTES
from daira_media.service.assets import Assets
from daira_media.service.completing import Completing
from daira_media.service.exports import Exports
from daira_media.service.joining import Joining
from daira_media.service.media import MediaService
from daira_media.service.policy import UploadPolicy
from daira_media.service.renditions import Renditions
from daira_media.service.uploads import Uploads
from daira_media.service.urls import AssetUrls
from daira_media.service.writing import Writing
from daira_media.settings import Settings
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, ObjectStore, open_objects
from daira_stores.postgres import Database
from daira_stores.redis import open_redis
from daira_stores.sections import read_sections
from daira_web.cdn import Purging, open_purging
from daira_web.limits import Limiter

S3_CONNECTIONS = 16
S3_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=5, sock_read=30)


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Media, ready for any role."""
    connector = aiohttp.TCPConnector(limit=S3_CONNECTIONS)
    async with (
        open_redis(settings.redis_url) as redis,
        aiohttp.ClientSession(
            connector=connector, timeout=S3_TIMEOUT, skip_auto_headers=("Content-Type", "User-Agent")
        ) as http,
        open_purging(settings) as purging,
    ):
        objects = _objects(settings)
        store = _store(settings, http, objects)
        minimum = Level(settings.min_sandbox_level)
        decoder = Decoder(minimum=minimum, wall_seconds=settings.decode_seconds, parallel=settings.decoders)
        media = assemble(settings, platform.database, store, decoder, purging)
        level = await measured(decoder.measure, minimum=minimum, level=SANDBOX_LEVEL, leak=SANDBOX_LEAK)

        async def redis_answers() -> None:
            await redis.ping()

        async def strong_enough() -> None:
            if level is None:
                raise Unavailable("decoders are not locked in far enough here: no renditions are made")

        yield Parts(
            target=media,
            routes=ROUTES,
            dependencies={
                "media": media,
                "limiter": Limiter.on_redis(settings.redis_url),
                "uploads_limit": settings.uploads_limit,
                "public_url": settings.public_url,
                "upload_max_size": _limits(settings).largest(None),
            },
            subscriptions=SUBSCRIPTIONS,
            jobs=[kind for kind in JOBS if level is not None or kind.kind != "make_renditions"],
            optional={"redis": redis_answers, "s3": store.check, "sandbox": strong_enough},
            export=Export(
                told=ExportPartWrittenV1,
                collect=partial(read_sections, platform.database, SECTIONS),
                put=JsonParts(objects).put,
            ),
        )


def assemble(
    settings: Settings, database: Database, store: BytesStore, decoder: Decoder, purging: Purging
) -> MediaService:
    """The use-cases on given stores."""
    policy = _policy(settings)
    urls = AssetUrls(purging)
    completing = Completing(database, store, policy)
    uploads = Uploads(database, store, completing, policy)
    writing = Writing(database, store, completing, policy)
    return MediaService(
        uploads=uploads,
        writing=writing,
        joining=Joining(database, store, uploads, writing, policy),
        completing=completing,
        assets=Assets(database, store, urls, limit_seconds=settings.narrowing_limit_seconds),
        audiences=Audiences(urls, SHOWN),
        circles=Circles(database, urls, settle_seconds=settings.narrowing_settle_seconds),
        renditions=Renditions(database, store, decoder, settings.spool_folder or None),
        exports=Exports(database, store, kept=timedelta(seconds=settings.export_kept_seconds)),
        purging=purging,
    )


def _objects(settings: Settings) -> ObjectStore:
    return open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)


def _store(settings: Settings, http: aiohttp.ClientSession, objects: ObjectStore) -> BytesStore:
    multipart = Multipart(
        http,
        endpoint=settings.s3_endpoint,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
    return BytesStore(objects, multipart, settings.spool_folder or None)


def _limits(settings: Settings) -> Limits:
    return Limits(
        video=settings.max_video_mib * MIB,
        image=settings.max_image_mib * MIB,
        voice=settings.max_voice_mib * MIB,
        avatar=settings.max_avatar_mib * MIB,
        quota=settings.quota_mib * MIB,
        open_uploads=settings.max_open_uploads,
    )


def _policy(settings: Settings) -> UploadPolicy:
    return UploadPolicy(
        limits=_limits(settings),
        lease_seconds=settings.lease_seconds,
        pause_seconds=settings.pause_seconds,
        stall_seconds=settings.stall_seconds,
        kept_seconds=settings.upload_kept_seconds,
        remembered_seconds=settings.upload_remembered_seconds,
    )


SERVICE = Service("media", Settings, build, projections=PROJECTIONS)
