"""Upload-Concat: final. Parts of the same owner become one upload."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain import keys
from daira_media.domain.tus import id_of_url
from daira_media.domain.uploads import Upload, UploadState
from daira_media.errors import PartsNotJoinable, UploadBusy
from daira_media.repository import uploads
from daira_media.service.policy import UploadPolicy
from daira_media.service.uploads import Creation, Uploads
from daira_media.service.writing import ChunkOrder, Writing
from daira_stores.postgres import Database


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

    async def join(self, owner_id: UUID, urls: Sequence[str], concat: str, metadata: dict[str, str]) -> Upload:
        """The complete final upload.

        Raises PartsNotJoinable unless all parts are complete partial uploads of the same owner; otherwise as `create`.
        """
        parts = await self._parts(owner_id, urls)
        length = sum(part.offset for part in parts)
        created = await self._creating.create(owner_id, Creation(length=length, metadata=metadata, concat=concat))
        async with self._database.work() as work:
            held = await uploads.acquire(
                work,
                created,
                length,
                lease_seconds=self._policy.lease_seconds,
                kept_seconds=self._policy.kept_seconds,
            )
        if held is None:
            raise UploadBusy
        return await self._writing.receive(held, ChunkOrder(offset=0, body_length=length), self._bytes(parts))

    async def _parts(self, owner_id: UUID, urls: Sequence[str]) -> list[Upload]:
        parts = []
        async with self._database.read() as work:
            for url in urls:
                part = await uploads.find(work, _id(url))
                if part is None or not _is_joinable(part, owner_id):
                    raise PartsNotJoinable
                parts.append(part)
        return parts

    async def _bytes(self, parts: Sequence[Upload]) -> AsyncIterator[bytes]:
        for part in parts:
            async for chunk in self._store.read(keys.original_key(part.owner_id, part.id)):
                yield chunk


def _is_joinable(part: Upload, owner_id: UUID) -> bool:
    return part.owner_id == owner_id and part.is_partial and part.state is UploadState.COMPLETE


def _id(url: str) -> UUID:
    try:
        return UUID(id_of_url(url))
    except ValueError as error:
        raise PartsNotJoinable from error
