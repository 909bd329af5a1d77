"""PATCH: bytes of one request into one upload."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

import msgspec

from daira_kit.clock import now
from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain.parts import remaining
from daira_media.domain.tus import Checksum
from daira_media.domain.uploads import Upload, UploadState, check_fits, check_writable, settle_length
from daira_media.errors import (
    SenderGone,
    ServerStopping,
    TypeNotAccepted,
    UploadBusy,
    UploadNotFound,
    UploadStalled,
)
from daira_media.metrics import RECEIVED_BYTES, TAKEOVERS
from daira_media.repository import uploads
from daira_media.service.completing import Completing
from daira_media.service.holding import Holding, check_quota
from daira_media.service.intake import Intake
from daira_media.service.pauses import with_pauses
from daira_media.service.policy import UploadPolicy
from daira_stores.postgres import Database
from daira_stores.work import Work


class ChunkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of one request say. `body_length` is None for a chunked body, `length` unless declared now."""

    offset: int
    body_length: int | None = None
    length: int | None = None
    checksum: Checksum | None = None


class Writing:
    """Takes the lease, receives, commits, completes."""

    def __init__(self, database: Database, store: BytesStore, completing: Completing, policy: UploadPolicy) -> None:
        self._database = database
        self._store = store
        self._completing = completing
        self._policy = policy

    async def write(self, owner_id: UUID, upload_id: UUID, order: ChunkOrder, body: AsyncIterator[bytes]) -> Upload:
        """The upload as it stands afterwards.

        Raises UploadNotFound, UploadGone, OffsetMismatch, UploadBusy, UploadTooLarge, QuotaExceeded, ChecksumMismatch,
        TypeNotAccepted (the upload is terminated then), SenderGone, ServerStopping and UploadStalled (what arrived is
        kept).
        """
        async with self._database.work() as work:
            upload = await self._acquire(work, owner_id, upload_id, order)
        return await self.receive(upload, order, body)

    async def receive(self, upload: Upload, order: ChunkOrder, body: AsyncIterator[bytes]) -> Upload:
        """Receive into an upload whose lease was just taken. Whoever brought the last byte keeps it and finishes."""
        holding = Holding(upload, self._database, self._store, self._policy, reserved=_reach(upload, order))
        try:
            await self._take_in(holding, order, body)
            if holding.upload.state is UploadState.COMPLETING:
                await self._completing.finish(holding)
        except TypeNotAccepted:
            await holding.discard()
            raise
        finally:
            await holding.let_go()
        return holding.upload

    async def _take_in(self, holding: Holding, order: ChunkOrder, body: AsyncIterator[bytes]) -> None:
        intake = Intake(
            holding.upload,
            self._store,
            holding.reserve,
            holding.commit,
            room=self._room(holding.upload),
            expected=order.body_length,
            checksum=order.checksum,
        )
        try:
            await intake.open()
            await self._pour(intake, holding, body)
            await intake.finish()
        finally:
            await intake.close()

    async def _acquire(self, work: Work, owner_id: UUID, upload_id: UUID, order: ChunkOrder) -> Upload:
        found = await uploads.lock(work, upload_id)
        if found is None or found.upload.owner_id != owner_id:
            raise UploadNotFound
        upload = found.upload
        check_writable(upload, order.offset, now())
        if found.is_held:
            raise UploadBusy(headers={"Retry-After": "1"})
        length = settle_length(upload, order.length, self._policy.limits)
        settled = msgspec.structs.replace(upload, length=length)
        check_fits(self._room(settled), order.body_length)
        reach = _reach(settled, order)
        if upload.length is None:
            await check_quota(work, upload, reach, self._policy)
        acquired = await uploads.acquire(
            work,
            upload,
            length,
            reserved=reach,
            lease_seconds=self._policy.lease_seconds,
            kept_seconds=self._policy.kept_seconds,
        )
        if acquired is None:
            raise UploadBusy(headers={"Retry-After": "1"})
        if found.is_abandoned:
            TAKEOVERS.inc()
        return acquired

    def _room(self, upload: Upload) -> int:
        return remaining(upload.length, self._policy.limits.largest(upload.purpose), upload.offset)

    async def _pour(self, intake: Intake, holding: Holding, body: AsyncIterator[bytes]) -> None:
        silent = 0.0
        try:
            async with aclosing(with_pauses(body, self._policy.pause_seconds)) as chunks:
                async for chunk in chunks:
                    if chunk is None:
                        silent += self._policy.pause_seconds
                        await self._wait_parked(intake, holding, silent)
                        continue
                    silent = 0.0
                    RECEIVED_BYTES.inc(len(chunk))
                    await holding.hold()
                    await intake.take(chunk)
        except (SenderGone, ServerStopping):
            if intake.is_verified:
                await intake.finish()
            raise

    async def _wait_parked(self, intake: Intake, holding: Holding, silent: float) -> None:
        if silent >= self._policy.stall_seconds:
            raise UploadStalled
        if not holding.is_parked:
            await intake.checkpoint()
            await holding.park()


def _reach(upload: Upload, order: ChunkOrder) -> int:
    """How far the upload will go with this request, as far as that is known."""
    return upload.offset + (order.body_length or 0) if upload.length is None else upload.length
