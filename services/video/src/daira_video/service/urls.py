"""Playback ids: each is a URL that is known to everybody who could see the post."""

from uuid import UUID

from daira_audience.domain import Narrowing
from daira_kit.capabilities import new_capability
from daira_stores.work import Work
from daira_video.domain import keys
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Video
from daira_video.repository import videos
from daira_video.service.telling import tell
from daira_web.cdn import Purging


class PlaybackUrls:
    """What follows a video's audience: its playback id, and what caches hold."""

    def __init__(self, purging: Purging) -> None:
        self._purging = purging

    async def lock(self, work: Work, video_id: UUID) -> Video | None:
        """A video in any state."""
        return await videos.lock(work, video_id)

    async def lock_exposed(self, work: Work, narrowing: Narrowing, after: UUID, most: int) -> list[Video]:
        """Those that are not removed."""
        return await videos.lock_exposed(work, narrowing, after, most)

    async def renew(self, work: Work, video: Video) -> None:
        """Give a video whose row is locked another playback id: URLs that are known to somebody stop working."""
        if video.state is VideoState.REMOVED:
            return
        await self.purge(work, video)
        video = video.changed(playback_id=new_capability())
        await videos.update(work, video)
        if video.is_playable:
            await tell(work, video)

    async def purge(self, work: Work, video: Video) -> None:
        """Caches forget what they have of it."""
        if video.is_playable and video.playback_id is not None:
            await self._purging.want(work, keys.url(video.playback_id, ""))
