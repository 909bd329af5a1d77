"""Upload-Concat: final. Parts of the same owner become one upload."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain import keys
from daira_media.domain.tus import id_of_url
from daira_media.domain.uploads import Upload, UploadState
from daira_media.errors import PartsNotJoinable, UploadBusy
from daira_media.metrics import UPLOADS
from daira_media.repository import uploads
from daira_media.service.policy import UploadPolicy
from daira_media.service.uploads import Creation, Uploads
from daira_media.service.writing import ChunkOrder, Writing
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_stores.work import Work


class Joining:
    """The bytes go through the same intake as those of a request: same checks, same limits, flat memory."""

    def __init__(
        self, database: Database, store: BytesStore, creating: Uploads, writing: Writing, policy: UploadPolicy
    ) -> None:
        self._database = database
        self._store = store
        self._creating = creating
        self._writing = writing
        self._policy = policy

    async def join(
        self,
        owner_id: UUID,
        urls: Sequence[str],
        concat: str,
        metadata: dict[str, str],
        idempotency: IdempotencyKey | None = None,
    ) -> Upload:
        """The complete final upload.

        Raises PartsNotJoinable unless all parts are complete partial uploads of the same owner; otherwise as `create`.
        """
        async with self._database.work(idempotency) as work:
            parts = await _parts(work, owner_id, urls)
            creation = Creation(length=sum(part.offset for part in parts), metadata=metadata, concat=concat)
            created = await self._creating.begin(work, owner_id, creation)
            held = await self._acquire(work, created)
        UPLOADS.labels("created").inc()
        return await self._pour(held, parts)

    async def go_on(self, owner_id: UUID, upload_id: UUID, urls: Sequence[str]) -> Upload:
        """The final upload of an earlier request: as it is, or joined from where that request died.

        Raises UploadBusy while that is still at it, UploadGone, and PartsNotJoinable when its parts are gone meanwhile.
        """
        upload = await self._creating.find(owner_id, upload_id)
        if upload.state is not UploadState.OPEN:
            return upload
        async with self._database.work() as work:
            parts = await _parts(work, owner_id, urls)
            held = await self._acquire(work, upload)
        return await self._pour(held, parts)

    async def _acquire(self, work: Work, upload: Upload) -> Upload:
        held = await uploads.acquire(
            work,
            upload,
            upload.length,
            lease_seconds=self._policy.lease_seconds,
            kept_seconds=self._policy.kept_seconds,
        )
        if held is None:
            raise UploadBusy(headers={"Retry-After": "1"})
        return held

    async def _pour(self, held: Upload, parts: Sequence[Upload]) -> Upload:
        left = sum(part.offset for part in parts) - held.offset
        order = ChunkOrder(offset=held.offset, body_length=left)
        return await self._writing.receive(held, order, self._bytes(parts, held.offset))

    async def _bytes(self, parts: Sequence[Upload], start: int) -> AsyncIterator[bytes]:
        for part in parts:
            skipped = min(start, part.offset)
            start -= skipped
            if skipped < part.offset:
                async for chunk in self._store.read(keys.original_key(part.owner_id, part.id), skipped):
                    yield chunk


async def _parts(work: Work, owner_id: UUID, urls: Sequence[str]) -> list[Upload]:
    parts = []
    for url in urls:
        part = await uploads.find(work, _id(url))
        if part is None or not _is_joinable(part, owner_id):
            raise PartsNotJoinable
        parts.append(part)
    return parts


def _is_joinable(part: Upload, owner_id: UUID) -> bool:
    return part.owner_id == owner_id and part.is_partial and part.state is UploadState.COMPLETE


def _id(url: str) -> UUID:
    try:
        return UUID(id_of_url(url))
    except ValueError as error:
        raise PartsNotJoinable from error
