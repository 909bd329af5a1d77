"""Finished exports in the bucket, below `user/exports/`."""

from collections.abc import AsyncIterator
from uuid import UUID

from obstore import exceptions

from daira_stores.objects import ObjectStore, ObjectStoreUnavailable

CONTENT_TYPE = "application/json"


class ExportStore:
    """Methods raise ObjectStoreUnavailable when S3 does not answer."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def put(self, export_id: UUID, parts: AsyncIterator[bytes]) -> int:
        """Write an export part by part, replacing an earlier try, and return its size in bytes."""
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for part in parts:
                size += len(part)
                yield part

        try:
            await self._objects.put_async(_key(export_id), counted(), attributes={"Content-Type": CONTENT_TYPE})
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error
        return size

    async def read(self, export_id: UUID) -> AsyncIterator[bytes] | None:
        """The bytes, or None when there are none."""
        try:
            found = await self._objects.get_async(_key(export_id))
        except (FileNotFoundError, exceptions.NotFoundError):
            return None
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in found.stream():
                yield bytes(chunk)

        return chunks()

    async def remove(self, export_id: UUID) -> None:
        """Fine when there is none."""
        try:
            await self._objects.delete_async(_key(export_id))
        except (FileNotFoundError, exceptions.NotFoundError):
            return
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error

    async def check(self) -> None:
        """For /readyz."""
        try:
            await self._objects.list_with_delimiter_async("user/-")
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error


def _key(export_id: UUID) -> str:
    return f"user/exports/{export_id}.json"
