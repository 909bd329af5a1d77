"""From the last byte to an asset that the world is told about."""

from uuid import UUID

from daira_audience.repository import people
from daira_kit.capabilities import new_capability
from daira_kit.clock import now
from daira_media.adapters.bytes_store import BytesStore, ObjectMissing
from daira_media.adapters.multipart import S3Refused, UploadVanished
from daira_media.domain import keys
from daira_media.domain.assets import Asset, first_state
from daira_media.domain.purposes import Purpose
from daira_media.domain.uploads import Upload, UploadState, check_readable
from daira_media.errors import ObjectStoreUnavailable, UploadBroken, UploadBusy, UploadJoining
from daira_media.metrics import UPLOADS
from daira_media.repository import assets, exports, uploads
from daira_media.service.holding import Holding
from daira_media.service.policy import UploadPolicy
from daira_media.service.telling import asset_changed
from daira_stores.postgres import Database
from daira_stores.work import Work

HOPELESS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
"""What S3 says of parts that it will never join. Its other refusals are about us: a clock, a key, a policy."""


class Completing:
    """Every step can be repeated: by the client, by the job, by another replica; by one at a time, who holds the lease.

    S3 also answers a second caller that all is well, while the object that the first one asked for does not exist yet.
    """

    def __init__(self, database: Database, store: BytesStore, policy: UploadPolicy) -> None:
        self._database = database
        self._store = store
        self._policy = policy

    async def complete(self, upload_id: UUID) -> None:
        """Finish a full upload that nobody finishes; nothing happens when this was done before.

        Raises UploadBusy while somebody does, otherwise what `finish` raises.
        """
        async with self._database.work() as work:
            found = await uploads.lock(work, upload_id)
            if found is None or found.upload.state is not UploadState.COMPLETING:
                return
            if found.is_held:
                raise UploadBusy(headers={"Retry-After": "1"})
            held = await uploads.acquire_full(work, upload_id, self._policy.lease_seconds)
        holding = Holding(held, self._database, self._store, self._policy)
        try:
            await self.finish(holding)
        finally:
            await holding.let_go()

    async def finish(self, holding: Holding) -> None:
        """Join the parts of a full upload and make the asset.

        Raises UploadBroken when S3 does not hold what was received; the upload is terminated then. After
        ObjectStoreUnavailable and UploadJoining it is as it was, and UploadGone says that it ended meanwhile.
        """
        try:
            async with holding.kept():
                await self._join(holding.upload)
        except UploadBroken:
            await holding.discard()
            raise
        async with self._database.work() as work:
            await exports.hold_off_erasure(work, holding.upload.owner_id)
            await self._settle(work, holding.upload.id)

    async def _join(self, upload: Upload) -> None:
        key = keys.original_key(upload.owner_id, upload.id)
        is_accepted = await self._put_together(key, upload)
        try:
            info = await self._store.info(key)
        except ObjectMissing as error:
            raise (UploadJoining() if is_accepted else UploadBroken()) from error
        if info.size != upload.length:
            raise UploadBroken

    async def _put_together(self, key: str, upload: Upload) -> bool:
        """False when there is nothing to join, or not any more: what the object is tells the rest."""
        async with self._database.read() as work:
            parts = await uploads.parts(work, upload.id)
        if not parts or upload.multipart_id is None:
            return False
        try:
            await self._store.multipart.complete(key, upload.multipart_id, parts)
        except UploadVanished:
            return False
        except S3Refused as error:
            if error.code not in HOPELESS:
                raise ObjectStoreUnavailable from error
            return False
        return True

    async def _settle(self, work: Work, upload_id: UUID) -> None:
        found = await uploads.lock(work, upload_id)
        if found is None:
            return
        upload = found.upload
        check_readable(upload, now())
        if upload.state is not UploadState.COMPLETING:
            return
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
