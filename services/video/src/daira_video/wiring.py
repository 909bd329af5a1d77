"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from daira_audience import Audiences, Circles
from daira_confinement import Level
from daira_confinement.measurement import measured
from daira_contracts.video import ExportPartWrittenV1
from daira_kit.errors import Unavailable
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, open_objects
from daira_stores.postgres import Database
from daira_stores.sections import read_sections
from daira_video.adapters.objects import VideoObjects
from daira_video.adapters.sandbox import Sandbox
from daira_video.adapters.workspace import Workspace
from daira_video.domain.limits import Limits
from daira_video.handlers import SUBSCRIPTIONS
from daira_video.jobs import jobs
from daira_video.metrics import SANDBOX_LEAK, SANDBOX_LEVEL
from daira_video.projections import PROJECTIONS
from daira_video.repository.shown import SHOWN
from daira_video.repository.videos import EXPORTED
from daira_video.routes import ROUTES
from daira_video.service.playback import Playback
from daira_video.service.records import Records
from daira_video.service.transcoding import Transcoding
from daira_video.service.urls import PlaybackUrls
from daira_video.service.video import VideoService
from daira_video.service.videos import Videos
from daira_video.settings import Settings
from daira_web.cdn import Purging, open_purging

_MIB = 1024 * 1024


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Video, ready for any role."""
    bucket = open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
    objects = VideoObjects(bucket)
    minimum = Level(settings.min_sandbox_level)
    sandbox = Sandbox(_limits(settings), minimum=minimum, threads=settings.decoder_threads)
    async with open_purging(settings, after_seconds=settings.playback_cache_seconds) as purging:
        video = _assemble(settings, platform.database, objects, sandbox, purging)
        level = await measured(sandbox.measure, minimum=minimum, level=SANDBOX_LEVEL, leak=SANDBOX_LEAK)

        async def strong_enough() -> None:
            if level is None:
                raise Unavailable("decoders are not locked in far enough here: nothing is transcoded")

        yield Parts(
            target=video,
            routes=ROUTES,
            dependencies={"video": video},
            subscriptions=SUBSCRIPTIONS,
            jobs=jobs(transcodes=settings.transcodes if level else 0, lease_seconds=settings.lease_seconds),
            optional={"s3": objects.check, "sandbox": strong_enough},
            export=Export(
                told=ExportPartWrittenV1,
                collect=partial(read_sections, platform.database, EXPORTED),
                put=JsonParts(bucket).put,
            ),
        )


def _assemble(
    settings: Settings, database: Database, objects: VideoObjects, sandbox: Sandbox, purging: Purging
) -> VideoService:
    workspace = Workspace(settings.work_folder)
    workspace.sweep()
    urls = PlaybackUrls(purging)
    return VideoService(
        videos=Videos(database, objects, urls),
        audiences=Audiences(urls, SHOWN),
        circles=Circles(database, urls, settle_seconds=settings.narrowing_settle_seconds),
        transcoding=Transcoding(Records(database), objects, sandbox, workspace, _limits(settings)),
        playback=Playback(
            database,
            objects,
            remember_seconds=settings.playback_cache_seconds,
            limit_seconds=settings.narrowing_limit_seconds,
        ),
        purging=purging,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_bytes=settings.max_video_mib * _MIB,
        max_seconds=settings.max_seconds,
        memory_bytes=settings.decoder_memory_mib * _MIB,
    )


SERVICE = Service("video", Settings, build, projections=PROJECTIONS)
