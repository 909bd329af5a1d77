"""A playback id is known to everybody who could see the post: it is replaced when fewer people may."""

from collections.abc import Collection
from uuid import UUID

from daira_contracts.feed import PostChangedV1
from daira_stores.work import Work
from daira_video.domain.audience import Audience, has_narrowed
from daira_video.repository import shown, videos
from daira_video.service.videos import Videos


class Audiences:
    """Follows posts. A foreign post that names a video says nothing about it."""

    def __init__(self, videos: Videos) -> None:
        self._videos = videos

    async def note_post(self, event: PostChangedV1, work: Work) -> None:
        """Keep who sees the post's videos; late events change nothing."""
        known = await shown.of_post(work, event.post_id)
        if any(one.revision >= event.revision for one in known):
            return
        before = await self.audiences(work, {*event.media_ids, *(one.video_id for one in known)})
        await shown.put_posts(work, [event])
        await self.replace_narrowed(work, before)

    async def forget_post(self, post_id: UUID, work: Work) -> None:
        """The post is gone for good."""
        before = await self.audiences(work, [one.video_id for one in await shown.of_post(work, post_id)])
        await shown.remove_posts(work, [post_id])
        await self.replace_narrowed(work, before)

    async def audiences(self, work: Work, video_ids: Collection[UUID]) -> dict[UUID, Audience]:
        """Who sees each of these videos, which are locked until the transaction ends."""
        # Locked first, in one order: of two posts that are hidden at once the later one sees what the earlier one did.
        for video_id in sorted(video_ids):
            await videos.lock(work, video_id)
        return {video_id: await shown.audience(work, video_id) for video_id in video_ids}

    async def replace_narrowed(self, work: Work, before: dict[UUID, Audience]) -> None:
        """A new playback id for those that fewer people may see than `before`."""
        for video_id, audience in before.items():
            if has_narrowed(audience, await shown.audience(work, video_id)):
                await self._videos.replace_playback(video_id, work)
