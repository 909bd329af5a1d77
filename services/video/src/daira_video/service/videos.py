"""Taking uploads in, and forgetting videos."""

from uuid import UUID

from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_kit.capabilities import new_capability
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_video.adapters.objects import VideoObjects
from daira_video.domain import keys
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Video
from daira_video.repository import narrowings, people, shown
from daira_video.repository import videos as repository
from daira_video.service.telling import tell
from daira_web.cdn import Purging

TRANSCODE = "transcode"
REMOVE_BYTES = "remove_bytes"


class Videos:
    """What happens to videos because of something elsewhere."""

    def __init__(self, database: Database, objects: VideoObjects, purging: Purging) -> None:
        self._database = database
        self._objects = objects
        self._purging = purging

    async def note_asset(self, event: AssetChangedV1, work: Work) -> None:
        """A finished video upload becomes a row and a job; a removed one goes."""
        if event.kind is not AssetKind.VIDEO:
            return
        if event.state is AssetState.REMOVED:
            await self.remove(event.media_id, work)
        elif event.state is AssetState.UPLOADED and not await people.is_erased(work, event.owner_id):
            await self._receive(event, work)

    async def remove(self, video_id: UUID, work: Work) -> None:
        """Withdraw a video at once; its bytes go by a job. Unknown and removed ones are passed over."""
        video = await repository.lock(work, video_id)
        if video is None or video.state is VideoState.REMOVED:
            return
        await self._purge(video, work)
        video = video.moved(VideoState.REMOVED, playback_id=None, failure_code=None)
        await repository.update(work, video)
        await tell(work, video)
        await work.enqueue(REMOVE_BYTES, str(video_id))

    async def erase_person(self, event: UserErasedV1, work: Work) -> None:
        """All videos of a person go, and later uploads of theirs are not taken in."""
        await people.put_erased(work, event.user_id, event.erased_at)
        await people.remove_person(work, event.user_id)
        await narrowings.remove(work, event.user_id)
        await shown.remove_author(work, event.user_id)
        for video_id in await repository.owned(work, event.user_id):
            await self.remove(video_id, work)

    async def replace_playback(self, video_id: UUID, work: Work) -> None:
        """Give a video another playback id, unless it is removed."""
        video = await repository.lock(work, video_id)
        if video is not None and video.state is not VideoState.REMOVED:
            await self.renew(video, work)

    async def renew(self, video: Video, work: Work) -> None:
        """Give a video whose row is locked another playback id: URLs that are known to somebody stop working."""
        await self._purge(video, work)
        video = video.changed(playback_id=new_capability())
        await repository.update(work, video)
        if video.is_playable:
            await tell(work, video)

    async def remove_bytes(self, video_id: UUID) -> None:
        """Delete all files of a removed video, then its row.

        A transcode that is still writing finds the row gone and deletes what it wrote itself.
        """
        await self._objects.delete_prefix(keys.prefix(video_id))
        async with self._database.work() as work:
            video = await repository.lock(work, video_id)
            if video is not None and video.state is VideoState.REMOVED:
                await repository.delete(work, video_id)

    async def _receive(self, event: AssetChangedV1, work: Work) -> None:
        video = Video(
            id=event.media_id,
            owner_id=event.owner_id,
            storage_key=event.storage_key,
            size_bytes=event.size_bytes,
            state=VideoState.UPLOADED,
            playback_id=new_capability(),
        )
        if await repository.add(work, video):
            await work.enqueue(TRANSCODE, str(video.id))

    async def _purge(self, video: Video, work: Work) -> None:
        if video.is_playable and video.playback_id is not None:
            await self._purging.want(work, keys.url(video.playback_id, ""))
