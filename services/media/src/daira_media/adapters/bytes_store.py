"""The bucket: whole objects through obstore, parts through `multipart`, bytes on their way through spools."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from obstore import exceptions

from daira_media.adapters.multipart import Multipart
from daira_media.adapters.spool import Spool
from daira_stores.objects import ObjectStore, ObjectStoreUnavailable, put_stream

READ_CHUNK = 256 * 1024
DELETE_AT_ONCE = 500


class ObjectMissing(Exception):
    """There is no object with this key."""


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an object without reading it."""

    size: int
    etag: str


class BytesStore:
    """Media's part of the bucket. Methods raise ObjectStoreUnavailable when S3 does not answer."""

    def __init__(self, objects: ObjectStore, multipart: Multipart, spool_folder: str | None) -> None:
        self.multipart = multipart
        self._objects = objects
        self._spool_folder = spool_folder

    def spool(self) -> Spool:
        """An empty spool on the local disk."""
        return Spool(self._spool_folder)

    async def check(self) -> None:
        """Raises ObjectStoreUnavailable when the bucket does not answer; for /readyz."""
        try:
            await self._objects.list_with_delimiter_async("media/-")
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def put(self, key: str, spool: Spool, content_type: str) -> None:
        """Write a whole object from a spool, which stays as it is."""
        await self.multipart.put(key, spool.chunks, spool.size, content_type)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Write a small object."""
        try:
            await self._objects.put_async(key, data, attributes={"Content-Type": content_type}, use_multipart=False)
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        """Write an object of unknown length and return its size; what `chunks` raises comes out as it is."""
        return await put_stream(self._objects, key, chunks, content_type)

    async def info(self, key: str) -> ObjectInfo:
        """Raises ObjectMissing."""
        try:
            meta = await self._objects.head_async(key)
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error
        return ObjectInfo(size=meta["size"], etag=meta["e_tag"] or "")

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes from `start` up to (without) `end`, in chunks. Raises ObjectMissing."""
        options: Any = {} if end is None and start == 0 else {"range": (start, end) if end else {"offset": start}}
        try:
            found = await self._objects.get_async(key, options=options)
            async for chunk in found.stream(min_chunk_size=READ_CHUNK):
                yield bytes(chunk)
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def delete(self, *keys: str) -> None:
        """Delete objects; those that are gone already do not matter."""
        for start in range(0, len(keys), DELETE_AT_ONCE):
            await self._delete(keys[start : start + DELETE_AT_ONCE])

    async def delete_prefix(self, prefix: str, keep: Sequence[str] = ()) -> None:
        """Delete every object and every unfinished multipart upload below a prefix, but not the keys in `keep`."""
        await self.abort_begun(prefix)
        found = [key for key in await self._list(prefix) if key not in keep]
        await self.delete(*found)

    async def abort_begun(self, prefix: str) -> None:
        """Drop the parts of all unfinished multipart uploads below a prefix."""
        for key, upload_id in await self.multipart.begun(prefix):
            await self.multipart.abort(key, upload_id)

    async def _list(self, prefix: str) -> list[str]:
        try:
            return [meta["path"] async for batch in self._objects.list(prefix) for meta in batch]
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def _delete(self, keys: Sequence[str]) -> None:
        try:
            await self._objects.delete_async(list(keys))
        except FileNotFoundError:
            return
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error
