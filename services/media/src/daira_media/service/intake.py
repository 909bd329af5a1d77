"""From the body of one request to durable bytes, with flat memory.

Bytes go to a spool on disk; a full spool is sent to S3 as a part while the next one fills. Every durable part is
committed at once, unless the request carries a checksum: then nothing counts before the whole chunk was verified.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable

from daira_media.adapters.bytes_store import BytesStore, ObjectMissing
from daira_media.adapters.spool import Spool
from daira_media.domain import keys
from daira_media.domain.parts import MOST_PARTS, is_part, part_target
from daira_media.domain.purposes import settle_purpose
from daira_media.domain.sniff import HEAD_BYTES, sniff
from daira_media.domain.tus import Checksum
from daira_media.domain.uploads import Part, Progress, Tail, Upload
from daira_media.errors import ChecksumMismatch, UploadBroken, UploadTooLarge

Reserve = Callable[[int], Awaitable[None]]
Commit = Callable[[Progress], Awaitable[None]]


class Intake:
    """One request's bytes on their way. `room` is what the upload may still receive, `expected` the body's length."""

    def __init__(
        self,
        upload: Upload,
        store: BytesStore,
        reserve: Reserve,
        commit: Commit,
        *,
        room: int,
        expected: int | None,
        checksum: Checksum | None,
    ) -> None:
        self._upload = upload
        self._store = store
        self._reserve = reserve
        self._commit = commit
        self._length = upload.length
        self._room = room
        self._expected = expected
        self._checksum = checksum
        self._digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._key = keys.original_key(upload.owner_id, upload.id)
        self._spool = store.spool()
        self._sending: asyncio.Task[None] | None = None
        self._parts: list[Part] = []
        self._parts_size = upload.parts_size
        self._next_part = upload.next_part
        self._multipart_id = upload.multipart_id
        self._tail = upload.tail
        self._head = upload.head
        self._purpose, self._content_type = upload.purpose, upload.content_type
        self._is_dirty = True
        self.received = 0

    @property
    def offset(self) -> int:
        """Where the upload stands with everything received, durable or not."""
        return self._upload.offset + self.received

    @property
    def is_verified(self) -> bool:
        """False when a checksum was announced: what arrived so far must not be kept if the sender goes away."""
        return self._checksum is None

    async def open(self) -> None:
        """Read the tail of an earlier request back into the spool, so that it becomes part of a part.

        Raises UploadBroken when S3 lost it.
        """
        if self._tail is None:
            return
        try:
            async for chunk in self._store.read(self._tail.key):
                await self._spool.append(chunk)
        except ObjectMissing as error:
            raise UploadBroken from error

    async def take(self, chunk: bytes) -> None:
        """Raises UploadTooLarge beyond the declared length, TypeNotAccepted as soon as the head is known."""
        if self.received + len(chunk) > self._room:
            raise UploadTooLarge("The body is longer than what is left of this upload")
        if self._digest is not None:
            self._digest.update(chunk)
        self._look_at(chunk)
        self.received += len(chunk)
        while chunk:
            left = None if self._expected is None else self._expected - self.received + len(chunk)
            space = part_target(self._spool.size, left) - self._spool.size
            await self._spool.append(chunk[:space])
            chunk = chunk[space:]
            if chunk:
                await self._send_spool()

    async def finish(self) -> None:
        """Make everything durable. Raises ChecksumMismatch, then nothing of this request was kept."""
        if self._digest is not None and self._checksum is not None:
            if not hmac.compare_digest(self._digest.digest(), self._checksum.digest):
                raise ChecksumMismatch(headers={"Upload-Offset": str(self._upload.offset)})
            self._checksum = None
        self._look_at(b"", is_end=self._is_last())
        if not self._is_single() and is_part(self._spool.size, is_last=self._is_last()):
            await self._send_spool()
        await self.checkpoint()

    async def checkpoint(self) -> None:
        """Commit what can be: parts that were sent, and the rest of the spool as a tail (or as the whole object)."""
        await self._sent()
        if self._checksum is not None or (self.received == 0 and not self._is_last()):
            return
        await self._reserve(self.offset)
        if self._is_single():
            await self._store.put(self._key, self._spool, self._type())
            self._tail, self._is_dirty = Tail(self._key, self._spool.size), True
        elif self._spool.size:
            key = keys.tail_key(self._upload.owner_id, self._upload.id, self._upload.fence, self.offset)
            await self._store.put(key, self._spool, "application/octet-stream")
            self._tail, self._is_dirty = Tail(key, self._spool.size), True
        if self._is_dirty:
            await self._commit_progress()

    async def close(self) -> None:
        """Stop what is on its way and give disk space back."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._spool.close()

    def _look_at(self, chunk: bytes, *, is_end: bool = False) -> None:
        if self._upload.is_partial or self._content_type is not None:
            return
        self._head += chunk[: HEAD_BYTES - len(self._head)]
        if len(self._head) >= HEAD_BYTES or (is_end and self._head):
            found = sniff(self._head)
            self._purpose = settle_purpose(self._purpose, found)
            self._content_type = found

    def _is_last(self) -> bool:
        return self._length is not None and self.offset == self._length

    def _is_single(self) -> bool:
        """The whole upload is in the spool: one PUT does, without a multipart upload."""
        return self._is_last() and self._parts_size == 0 and self._sending is None

    def _type(self) -> str:
        return self._content_type.value if self._content_type else "application/octet-stream"

    async def _send_spool(self) -> None:
        await self._sent()
        if self._next_part > MOST_PARTS:
            raise UploadTooLarge("The upload came in too many pieces")
        await self._reserve(self.offset)
        if self._multipart_id is None:
            self._multipart_id = await self._store.multipart.begin(self._key, self._type())
        full, self._spool = self._spool, self._store.spool()
        number, self._next_part = self._next_part, self._next_part + 1
        self._sending = asyncio.create_task(self._send(self._multipart_id, number, full))

    async def _send(self, multipart_id: str, number: int, full: Spool) -> None:
        try:
            part = await self._store.multipart.put_part(self._key, multipart_id, number, full.chunks, full.size)
        finally:
            full.close()
        self._parts.append(part)
        self._parts_size += part.size
        self._tail, self._is_dirty = None, True
        if self._checksum is None:
            await self._commit_progress()

    async def _sent(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            await sending

    async def _commit_progress(self) -> None:
        parts, self._parts, self._is_dirty = tuple(self._parts), [], False
        await self._commit(
            Progress(
                offset=self._parts_size + (self._tail.size if self._tail else 0),
                parts=parts,
                next_part=self._next_part,
                multipart_id=self._multipart_id,
                tail=self._tail,
                head=self._head,
                purpose=self._purpose,
                content_type=self._content_type,
            )
        )
