"""From the last byte to an asset that the world is told about."""

from uuid import UUID

from daira_audience.repository import people
from daira_kit.capabilities import new_capability
from daira_media.adapters.bytes_store import BytesStore, ObjectMissing
from daira_media.adapters.multipart import S3Refused, UploadVanished
from daira_media.domain import keys
from daira_media.domain.assets import Asset, first_state
from daira_media.domain.purposes import Purpose
from daira_media.domain.uploads import Upload, UploadState
from daira_media.errors import UploadBroken
from daira_media.metrics import UPLOADS
from daira_media.repository import assets, exports, uploads
from daira_media.service.telling import asset_changed
from daira_stores.postgres import Database
from daira_stores.work import Work


class Completing:
    """Every step can be repeated: by the client, by the job, by two replicas at once."""

    def __init__(self, database: Database, store: BytesStore) -> None:
        self._database = database
        self._store = store

    async def complete(self, upload_id: UUID) -> None:
        """Join the parts of a full upload and make the asset; nothing happens when this was done before.

        Raises UploadBroken when S3 does not hold what was received; the upload is terminated then.
        """
        async with self._database.read() as work:
            upload = await uploads.find(work, upload_id)
        if upload is None or upload.state is not UploadState.COMPLETING:
            return
        try:
            await self._join(upload)
        except UploadBroken:
            async with self._database.work() as work:
                await uploads.set_state(work, upload_id, UploadState.TERMINATED)
                await work.enqueue("sweep_upload", str(upload_id))
            raise
        async with self._database.work() as work:
            await exports.hold_off_erasure(work, upload.owner_id)
            await self._settle(work, upload_id)

    async def _join(self, upload: Upload) -> None:
        key = keys.original_key(upload.owner_id, upload.id)
        async with self._database.read() as work:
            parts = await uploads.parts(work, upload.id)
        if parts and upload.multipart_id:
            try:
                await self._store.multipart.complete(key, upload.multipart_id, parts)
            except UploadVanished:
                pass  # joined before; the size below tells
            except S3Refused as error:
                raise UploadBroken from error
        try:
            info = await self._store.info(key)
        except ObjectMissing as error:
            raise UploadBroken from error
        if info.size != upload.length:
            raise UploadBroken

    async def _settle(self, work: Work, upload_id: UUID) -> None:
        found = await uploads.lock(work, upload_id)
        if found is None or found.upload.state is not UploadState.COMPLETING:
            return
        upload = found.upload
        await uploads.set_state(work, upload_id, UploadState.COMPLETE)
        UPLOADS.labels("completed").inc()
        if upload.is_partial or await people.is_erased(work, upload.owner_id):
            return
        asset = _asset(upload)
        await assets.put(work, asset)
        await work.emit(asset_changed(asset))
        if asset.kind is not Purpose.VIDEO:
            await work.enqueue("make_renditions", str(asset.id))


def _asset(upload: Upload) -> Asset:
    assert upload.purpose is not None and upload.content_type is not None and upload.length is not None
    return Asset(
        id=upload.id,
        owner_id=upload.owner_id,
        kind=upload.purpose,
        state=first_state(upload.purpose),
        storage_key=keys.original_key(upload.owner_id, upload.id),
        content_type=upload.content_type.value,
        size_bytes=upload.length,
        capability=new_capability(),
    )
