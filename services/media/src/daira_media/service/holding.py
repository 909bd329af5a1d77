"""The lease of one request on one upload: committed progress, renewals, letting go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from daira_kit.clock import now
from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain.uploads import Progress, Upload, UploadState
from daira_media.errors import QuotaExceeded, UploadBusy
from daira_media.repository import uploads
from daira_media.service.policy import UploadPolicy
from daira_stores.failures import DatabaseUnavailable
from daira_stores.objects import ObjectStoreUnavailable
from daira_stores.postgres import Database
from daira_stores.work import Work


class Holding:
    """Whoever holds the lease is known by the fence in `upload`; every method notices when it was taken away."""

    def __init__(
        self, upload: Upload, database: Database, store: BytesStore, policy: UploadPolicy, *, reserved: int = 0
    ) -> None:
        """`reserved`: how far the owner's quota counts the upload already, if its length is not known yet."""
        self.upload = upload
        self._reserved = reserved
        self._database = database
        self._store = store
        self._policy = policy
        self._renewed = asyncio.get_running_loop().time()
        self.is_parked = False

    async def reserve(self, reach: int) -> None:
        """Before bytes up to `reach` are stored: have the quota count them. A known length is counted already.

        Raises QuotaExceeded when they do not fit, UploadBusy when the lease is lost.
        """
        if self.upload.length is not None or reach <= self._reserved:
            return
        async with self._database.work() as work:
            await uploads.lock(work, self.upload.id)
            await check_quota(work, self.upload, reach, self._policy)
            if not await uploads.reserve(work, self.upload, reach):
                raise UploadBusy(headers={"Retry-After": "1"})
        self._reserved = reach

    async def commit(self, progress: Progress) -> None:
        """Make progress durable in one transaction. Raises UploadBusy when the lease is lost: nothing counts then."""
        old = self.upload.tail
        async with self._database.work() as work:
            advanced = await uploads.advance(work, self.upload, progress, self._policy.lease_seconds)
            if advanced is None:
                raise UploadBusy(headers={"Retry-After": "1"})
            if advanced.state is UploadState.COMPLETING:
                # If this process dies before the object is joined, the job does it.
                due_at = now() + timedelta(seconds=self._policy.finish_after_seconds)
                await work.enqueue("finish_upload", str(advanced.id), due_at=due_at)
        self.upload = advanced
        self._renewed = asyncio.get_running_loop().time()
        if old is not None and old != progress.tail:
            with contextlib.suppress(ObjectStoreUnavailable):  # a leftover is found by the sweep
                await self._store.delete(old.key)

    async def hold(self) -> None:
        """Renew when a third of the lease has passed. Raises UploadBusy when somebody took it meanwhile."""
        time = asyncio.get_running_loop().time()
        if not self.is_parked and time - self._renewed < self._policy.lease_seconds / 3:
            return
        async with self._database.work() as work:
            if not await uploads.renew(work, self.upload, self._policy.lease_seconds):
                raise UploadBusy(headers={"Retry-After": "1"})
        self._renewed, self.is_parked = time, False

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew in the background, for a step that may take longer than a lease and cannot stop in between."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def discard(self) -> None:
        """Terminate what cannot become a file. Raises UploadBusy when the lease is lost: others judge it then."""
        async with self._database.work() as work:
            found = await uploads.lock(work, self.upload.id)
            if found is None or (found.upload.fence, found.upload.state) != (self.upload.fence, self.upload.state):
                raise UploadBusy(headers={"Retry-After": "1"})
            await uploads.set_state(work, self.upload.id, UploadState.TERMINATED)
            await work.enqueue("sweep_upload", str(self.upload.id))

    async def park(self) -> None:
        """Let others take the upload over while the sender is silent."""
        with contextlib.suppress(DatabaseUnavailable):
            async with self._database.work() as work:
                await uploads.park(work, self.upload)
        self.is_parked = True

    async def let_go(self) -> None:
        """Give the lease back; if the database is down it runs out by itself."""
        with contextlib.suppress(DatabaseUnavailable):
            async with self._database.work() as work:
                await uploads.release(work, self.upload)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._policy.lease_seconds / 3)
            with contextlib.suppress(DatabaseUnavailable):
                async with self._database.work() as work:
                    await uploads.renew(work, self.upload, self._policy.lease_seconds)


async def check_quota(work: Work, upload: Upload, reach: int, policy: UploadPolicy) -> None:
    """Raises QuotaExceeded if its owner cannot hold `reach` bytes of this upload; the caller locked its row."""
    usage = await uploads.lock_owner(work, upload.owner_id, besides=upload.id)
    if usage.bytes + reach > policy.limits.quota:
        raise QuotaExceeded
