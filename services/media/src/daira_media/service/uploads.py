"""Creation, reading, termination and expiry of uploads."""

from datetime import timedelta
from uuid import UUID

import msgspec

from daira_audience.repository import people
from daira_kit.clock import now
from daira_kit.errors import Gone
from daira_kit.ids import new_id
from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain import keys
from daira_media.domain.purposes import purpose_named
from daira_media.domain.uploads import Upload, UploadState, check_readable, check_removable
from daira_media.errors import QuotaExceeded, TooManyUploads, UploadBusy, UploadNotFound
from daira_media.metrics import UPLOADS
from daira_media.repository import uploads
from daira_media.service.completing import Completing
from daira_media.service.policy import UploadPolicy
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_stores.work import Work


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """What a creation request asks for; `length` None means deferred, `concat` is the header of a final upload."""

    length: int | None
    metadata: dict[str, str]
    is_partial: bool = False
    concat: str | None = None


class Uploads:
    """Uploads of one person at a time; a foreign upload is not found."""

    def __init__(self, database: Database, store: BytesStore, completing: Completing, policy: UploadPolicy) -> None:
        self._database = database
        self._store = store
        self._completing = completing
        self._policy = policy

    async def create(self, owner_id: UUID, creation: Creation, idempotency: IdempotencyKey | None = None) -> Upload:
        """Raises UploadEmpty, UploadTooLarge, QuotaExceeded, TooManyUploads before anything is stored."""
        async with self._database.work(idempotency) as work:
            upload = await self.begin(work, owner_id, creation)
        UPLOADS.labels("created").inc()
        return upload

    async def begin(self, work: Work, owner_id: UUID, creation: Creation) -> Upload:
        """`create` within a transaction that does more."""
        purpose = None if creation.is_partial else purpose_named(creation.metadata.get("purpose"))
        self._policy.limits.check_size(purpose, creation.length)
        new = uploads.NewUpload(
            id=new_id(),
            owner_id=owner_id,
            purpose=purpose,
            length=creation.length,
            is_partial=creation.is_partial,
            concat=creation.concat,
            metadata=creation.metadata,
        )
        await self._check_allowance(work, owner_id, creation.length or 1)  # deferred: as it grows
        upload = await uploads.put(work, new, self._policy.kept_seconds)
        await work.enqueue("sweep_upload", str(upload.id), due_at=upload.expires_at)
        await work.answer(201, {"id": upload.id})
        return upload

    async def find(self, owner_id: UUID, upload_id: UUID) -> Upload:
        """A full one is finished first, unless somebody does: then UploadBusy.

        Raises UploadNotFound for foreign ids too, UploadGone after expiry.
        """
        upload = await self._read(owner_id, upload_id)
        if upload.state is UploadState.COMPLETING:
            await self._completing.complete(upload_id)
            upload = await self._read(owner_id, upload_id)
        return upload

    async def terminate(self, owner_id: UUID, upload_id: UUID) -> None:
        """Raises UploadNotFound, UploadGone, UploadCompleted, and UploadBusy while bytes are arriving."""
        async with self._database.work() as work:
            found = await uploads.lock(work, upload_id)
            if found is None or found.upload.owner_id != owner_id:
                raise UploadNotFound
            check_removable(found.upload, now())
            if found.is_held:
                raise UploadBusy(headers={"Retry-After": "1"})
            await uploads.set_state(work, upload_id, UploadState.TERMINATED)
            await work.enqueue("sweep_upload", str(upload_id))
        UPLOADS.labels("terminated").inc()

    async def sweep(self, upload_id: UUID) -> None:
        """What time has to do with an upload: expire it, drop its leftovers, at last forget it."""
        async with self._database.work() as work:
            upload = await self._age(work, upload_id)
        if upload is None:
            return
        prefix = keys.media_prefix(upload.owner_id, upload.id)
        if upload.state is UploadState.COMPLETE:
            # Tails of requests that died between two commits; the original and its renditions stay.
            await self._store.delete_prefix(f"{prefix}tail-")
            await self._store.abort_begun(prefix)
        else:
            await self._store.delete_prefix(prefix)
        if upload.expires_at + self._remembered() <= now():
            async with self._database.work() as work:
                await uploads.remove(work, upload_id)

    async def _read(self, owner_id: UUID, upload_id: UUID) -> Upload:
        async with self._database.read() as work:
            upload = await uploads.find(work, upload_id)
        if upload is None or upload.owner_id != owner_id:
            raise UploadNotFound
        check_readable(upload, now())
        return upload

    async def _check_allowance(self, work: Work, owner_id: UUID, size: int) -> None:
        if await people.is_erased(work, owner_id):
            raise Gone
        usage = await uploads.lock_owner(work, owner_id)
        if usage.open_uploads >= self._policy.limits.open_uploads:
            raise TooManyUploads
        if usage.bytes + size > self._policy.limits.quota:
            raise QuotaExceeded

    async def _age(self, work: Work, upload_id: UUID) -> Upload | None:
        """The upload whose leftovers can go; None when it is too early and the next look was arranged."""
        found = await uploads.lock(work, upload_id)
        if found is None:
            return None
        upload = found.upload
        if upload.state in {UploadState.OPEN, UploadState.COMPLETING}:
            if found.is_held or upload.expires_at > now() or upload.state is UploadState.COMPLETING:
                later = max(upload.expires_at, now() + timedelta(seconds=self._policy.lease_seconds))
                await work.enqueue("sweep_upload", str(upload_id), due_at=later)
                return None
            upload = await self._end(work, upload, UploadState.EXPIRED)
        elif upload.state is UploadState.COMPLETE and upload.is_partial and upload.expires_at <= now():
            upload = await self._end(work, upload, UploadState.TERMINATED)
        if upload.expires_at + self._remembered() > now():
            await work.enqueue("sweep_upload", str(upload_id), due_at=upload.expires_at + self._remembered())
        return upload

    async def _end(self, work: Work, upload: Upload, state: UploadState) -> Upload:
        await uploads.set_state(work, upload.id, state)
        UPLOADS.labels(state.value.lower()).inc()
        return msgspec.structs.replace(upload, state=state)

    def _remembered(self) -> timedelta:
        return timedelta(seconds=self._policy.remembered_seconds)
