"""The steps of a transcode as rows: each transaction locks the video first and stops for one that was removed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from daira_contracts.video import ProgressReportedV1
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_video.domain.lifecycle import VideoState, is_reached
from daira_video.domain.limits import FailureCode
from daira_video.domain.videos import Rendition, Video
from daira_video.repository import videos as repository
from daira_video.service.telling import tell


class Withdrawn(Exception):
    """The video was removed while it was being made."""


class Records:
    """All methods raise Withdrawn for a video that is gone or removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, video_id: UUID) -> Video:
        """The video as it is now."""
        async with self._locked(video_id) as (_, video):
            return video

    async def reach(self, video_id: UUID, state: VideoState, **changes: object) -> Video:
        """Move to `state` and tell it; a video that is there or further already stays as it is."""
        async with self._locked(video_id) as (work, video):
            if is_reached(video.state, state):
                return video
            video = video.moved(state, **changes)
            await repository.update(work, video)
            await tell(work, video)
            return video

    async def note(self, video_id: UUID, **changes: object) -> None:
        """Keep what was learned; it is told with the next state."""
        async with self._locked(video_id) as (work, video):
            await repository.update(work, video.noted(**changes))

    async def done(self, video_id: UUID) -> tuple[Rendition, ...]:
        """Rungs that are stored."""
        async with self._locked(video_id) as (work, _):
            return await repository.renditions(work, video_id)

    async def add(self, video_id: UUID, rendition: Rendition) -> None:
        """A rung is stored."""
        async with self._locked(video_id) as (work, _):
            await repository.put_rendition(work, video_id, rendition)

    async def report(self, video_id: UUID, percent: int, stage: str) -> None:
        """Tell how far it is."""
        async with self._locked(video_id) as (work, video):
            await work.emit(
                ProgressReportedV1(video_id=video_id, owner_id=video.owner_id, percent=percent, stage=stage)
            )

    async def fail(self, video_id: UUID, code: FailureCode) -> str:
        """End a video that cannot be made, and say how it ended.

        What plays already stays: then it is READY with the rungs it has.
        """
        async with self._locked(video_id) as (work, video):
            if video.is_over:
                return "over"
            degraded = video.state is VideoState.PLAYABLE
            if degraded:
                video = video.moved(VideoState.READY)
            else:
                video = video.moved(VideoState.FAILED, failure_code=code.value)
            await repository.update(work, video)
            await tell(work, video)
            return "degraded" if degraded else code.value

    @asynccontextmanager
    async def _locked(self, video_id: UUID) -> AsyncIterator[tuple[Work, Video]]:
        async with self._database.work() as work:
            video = await repository.lock(work, video_id)
            if video is None or video.state is VideoState.REMOVED:
                raise Withdrawn(video_id)
            yield work, video
