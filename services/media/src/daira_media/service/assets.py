"""Reading assets, and forgetting those of a person."""

from datetime import timedelta
from uuid import UUID

import msgspec

from daira_audience.repository import people
from daira_audience.repository.erasing import forget_circle
from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1
from daira_contracts.video import ProgressReportedV1, VideoChangedV1
from daira_kit.capabilities import is_capability
from daira_kit.clock import now
from daira_kit.errors import NotYetVisible
from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain import keys
from daira_media.domain.assets import Asset, Video
from daira_media.domain.uploads import UploadState
from daira_media.errors import MediaNotFound
from daira_media.repository import assets, exports, uploads
from daira_media.repository.shown import SHOWN
from daira_media.service.stored import StoredFile
from daira_media.service.urls import AssetUrls
from daira_stores.postgres import Database
from daira_stores.work import Work

SECOND_LOOK = timedelta(minutes=10)
"""A request that was writing during an erasure may leave bytes behind; its lease is long gone by then."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An asset with what video told about it."""

    asset: Asset
    video: Video | None
    percent: int | None


class Assets:
    """Assets of one person at a time; a foreign asset is not found."""

    def __init__(self, database: Database, store: BytesStore, urls: AssetUrls, *, limit_seconds: float) -> None:
        """`limit_seconds`: see `assets.find_ready`."""
        self._database = database
        self._store = store
        self._urls = urls
        self._limit = limit_seconds

    async def read(self, owner_id: UUID, media_id: UUID) -> Known:
        """Raises MediaNotFound, also for somebody else's, and NotYetVisible while it is being uploaded."""
        async with self._database.read() as work:
            asset = await assets.find(work, media_id)
            if asset is None:
                raise NotYetVisible if await _is_coming(work, owner_id, media_id) else MediaNotFound
            if asset.owner_id != owner_id:
                raise MediaNotFound
            video = await assets.find_video(work, media_id)
            percent = await assets.find_percent(work, media_id)
        return Known(asset=asset, video=video, percent=percent)

    async def find_rendition(self, capability: str, name: str) -> StoredFile:
        """The form that a public URL means. Raises MediaNotFound."""
        if not is_capability(capability):
            raise MediaNotFound
        async with self._database.read() as work:
            asset = await assets.find_ready(work, capability, limit_seconds=self._limit)
        for rendition in asset.renditions if asset else ():
            if asset and rendition.name == name:
                key = keys.rendition_key(asset.owner_id, asset.id, name)
                return StoredFile(
                    self._store,
                    key,
                    rendition.size_bytes,
                    tag=f"{capability}-{name}",
                    content_type=rendition.content_type,
                )
        raise MediaNotFound

    async def note_video(self, event: VideoChangedV1, work: Work) -> None:
        """Keep what video tells."""
        await assets.put_videos(work, [event])

    async def forget_video(self, video_id: UUID, work: Work) -> None:
        """Drop what video told about a video that it removed."""
        await assets.remove_videos(work, [video_id])

    async def note_progress(self, event: ProgressReportedV1, work: Work) -> None:
        """Keep the newest report."""
        await assets.put_progress(work, [event])

    async def erase_person(self, event: UserErasedV1, work: Work) -> None:
        """Rows and topic keys go at once, bytes by a job."""
        await exports.await_makers(work, event.user_id)
        await people.put_erased(work, event.user_id, event.erased_at)
        for asset in await assets.owned(work, event.user_id):
            await self._urls.purge(work, asset)
            await work.emit_tombstone(AssetChangedV1, AssetChangedV1.key_of(asset.id))
        await assets.remove_owned(work, event.user_id)
        await forget_circle(work, SHOWN, event.user_id)
        await uploads.remove_owned(work, event.user_id)
        for export_id in await exports.owned_ids(work, event.user_id):
            await work.enqueue("drop_export_parts", str(export_id))
        await exports.remove_owned(work, event.user_id)
        await work.enqueue("erase_bytes", str(event.user_id))
        await work.enqueue("erase_bytes", f"{event.user_id}:again", due_at=now() + SECOND_LOOK)

    async def erase_bytes(self, person_id: UUID) -> None:
        """Delete every object and unfinished part of a person."""
        await self._store.delete_prefix(keys.owner_prefix(person_id))


async def _is_coming(work: Work, owner_id: UUID, media_id: UUID) -> bool:
    upload = await uploads.find(work, media_id)
    return (
        upload is not None
        and upload.owner_id == owner_id
        and upload.state in (UploadState.OPEN, UploadState.COMPLETING)
    )
