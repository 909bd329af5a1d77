"""What media and video tell about uploads."""

from uuid import UUID

from daira_contracts.media import AssetChangedV1
from daira_contracts.video import VideoChangedV1
from daira_feed.repository import media, posts
from daira_feed.service.judging import Judging
from daira_stores.postgres import Database
from daira_stores.work import Work

RECHECK = "recheck-media"


class Medias:
    """Stores the projection; posts that show the medium are judged again in the same transaction."""

    def __init__(self, database: Database, judging: Judging) -> None:
        self._database, self._judging = database, judging

    async def remember_asset(self, work: Work, event: AssetChangedV1) -> None:
        """An upload as it is now."""
        await media.lock_ids(work, [event.media_id])
        if await media.put_assets(work, [event]):
            await self._judging.recheck_media(work, event.media_id)

    async def remember_video(self, work: Work, event: VideoChangedV1) -> None:
        """A video as it is now."""
        await media.lock_ids(work, [event.video_id])
        if await media.put_videos(work, [event]):
            await self._judging.recheck_media(work, event.video_id)

    async def forget_asset(self, work: Work, media_id: UUID) -> None:
        """The asset's key left its topic."""
        await media.lock_ids(work, [media_id])
        await media.set_assets_gone(work, [media_id])
        await self._judging.recheck_media(work, media_id)

    async def forget_video(self, work: Work, video_id: UUID) -> None:
        """The video's key left its topic."""
        await media.lock_ids(work, [video_id])
        await media.set_videos_gone(work, [video_id])
        await self._judging.recheck_media(work, video_id)

    async def recheck(self, media_id: UUID) -> None:
        """What is known of a medium was corrected: posts that show it are judged again."""
        async with self._database.work() as work:
            await media.lock_ids(work, [media_id])
            await self._judging.recheck_media(work, media_id)

    async def end_wait(self, post_id: UUID) -> None:
        """The time for media nobody has heard of is over."""
        async with self._database.work() as work:
            post = await posts.lock(work, post_id)
            if post is not None:
                await self._judging.settle(work, post)
