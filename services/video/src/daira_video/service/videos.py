"""Taking uploads in, and forgetting videos."""

from uuid import UUID

from daira_audience.repository import people
from daira_audience.repository.erasing import forget_circle
from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_kit.capabilities import new_capability
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_video.adapters.objects import VideoObjects
from daira_video.domain import keys
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Video
from daira_video.repository import videos as repository
from daira_video.repository.shown import SHOWN
from daira_video.service.telling import tell
from daira_video.service.urls import PlaybackUrls

TRANSCODE = "transcode"
REMOVE_BYTES = "remove_bytes"


class Videos:
    """What happens to videos because of something elsewhere."""

    def __init__(self, database: Database, objects: VideoObjects, urls: PlaybackUrls) -> None:
        self._database = database
        self._objects = objects
        self._urls = urls

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
        await self._urls.purge(work, video)
        video = video.moved(VideoState.REMOVED, playback_id=None, failure_code=None)
        await repository.update(work, video)
        await tell(work, video)
        await work.enqueue(REMOVE_BYTES, str(video_id))

    async def erase_person(self, event: UserErasedV1, work: Work) -> None:
        """All videos of a person go, and later uploads of theirs are not taken in."""
        await people.put_erased(work, event.user_id, event.erased_at)
        await forget_circle(work, SHOWN, event.user_id)
        for video_id in await repository.owned(work, event.user_id):
            await self.remove(video_id, work)

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
