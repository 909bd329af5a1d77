"""The bucket: originals in, rungs out, bytes to players."""

import asyncio
import errno
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec
from obstore import exceptions

from daira_stores.objects import ObjectStore, ObjectStoreUnavailable
from daira_video.adapters.workspace import WorkspaceFull

_CHUNK = 256 * 1024
_DOWNLOAD_CHUNK = 4 * 1024 * 1024
_AT_ONCE = 4
_PATIENCE = 8.0  # seconds a reader waits for the first byte; the client below would try for minutes


class ObjectMissing(Exception):
    """There is no object with this key."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An object, ready to be read once."""

    size: int
    chunks: AsyncIterator[bytes]


class VideoObjects:
    """Methods raise ObjectStoreUnavailable when S3 does not answer."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def check(self) -> None:
        """For /readyz."""
        try:
            await self._objects.list_with_delimiter_async("video/-")
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def download(self, key: str, path: Path) -> None:
        """Write an object to a file. Raises ObjectMissing and WorkspaceFull."""
        found = await self.open(key, chunk=_DOWNLOAD_CHUNK)
        try:
            with path.open("wb") as file:
                async for chunk in found.chunks:
                    await asyncio.to_thread(file.write, chunk)
        except OSError as full:
            if full.errno in (errno.ENOSPC, errno.EDQUOT):
                raise WorkspaceFull from full
            raise

    async def upload(self, files: Iterable[tuple[str, Path, str]]) -> None:
        """Store (key, file, content type), a few at a time; the same again is harmless."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(key: str, path: Path, content_type: str) -> None:
            async with slots:
                await self._put(key, path, content_type)

        await asyncio.gather(*(one(*file) for file in files))

    async def size(self, key: str) -> int:
        """Bytes of an object. Raises ObjectMissing."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return int((await self._objects.head_async(key))["size"])
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        except (exceptions.BaseError, TimeoutError) as error:
            raise ObjectStoreUnavailable from error

    async def open(self, key: str, span: tuple[int, int] | None = None, *, chunk: int = _CHUNK) -> Found:
        """The object, or the bytes [start, end) of it; `size` is that of the whole. Raises ObjectMissing."""
        options: Any = {} if span is None else {"range": span}
        try:
            async with asyncio.timeout(_PATIENCE):
                result = await self._objects.get_async(key, options=options)
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        except (exceptions.BaseError, TimeoutError) as error:
            raise ObjectStoreUnavailable from error
        return Found(size=int(result.meta["size"]), chunks=_chunks(result.stream(min_chunk_size=chunk)))

    async def delete_prefix(self, prefix: str) -> None:
        """Delete every object below a prefix."""
        try:
            found = [meta["path"] async for batch in self._objects.list(prefix) for meta in batch]
            if found:
                await self._objects.delete_async(found)
        except FileNotFoundError:
            return
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def _put(self, key: str, path: Path, content_type: str) -> None:
        try:
            await self._objects.put_async(key, path, attributes={"Content-Type": content_type})
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error


async def _chunks(stream: Any) -> AsyncIterator[bytes]:
    try:
        async for chunk in stream:
            yield bytes(chunk)
    except exceptions.BaseError as error:
        raise ObjectStoreUnavailable from error
