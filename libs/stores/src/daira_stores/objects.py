"""S3-compatible object storage. Bytes go through obstore; buckets and signed forms through minio-py in a thread."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias

from obstore import exceptions
from obstore.store import S3Store

from daira_kit.errors import Unavailable

ObjectStore: TypeAlias = S3Store


class ObjectStoreUnavailable(Unavailable):
    """The object store does not answer."""

    code = "object_store_unavailable"


def open_objects(endpoint: str, access_key: str, secret_key: str, bucket: str) -> ObjectStore:
    """A store bound to one bucket; `endpoint` with its scheme. Nothing is connected yet."""
    return S3Store(
        bucket,
        endpoint=endpoint,
        access_key_id=access_key,
        secret_access_key=secret_key,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": endpoint.startswith("http://")},
        # The library's own patience is three minutes; callers would rather answer 503 and be asked again.
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=10)},
    )


async def put_stream(objects: ObjectStore, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
    """Write an object of unknown length, replacing an earlier one, and return its size in bytes.

    Raises ObjectStoreUnavailable; what `chunks` raises comes out as it is.
    """
    size = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal size
        async for chunk in chunks:
            size += len(chunk)
            yield chunk

    try:
        await objects.put_async(key, counted(), attributes={"Content-Type": content_type})
    except exceptions.BaseError as error:
        raise ObjectStoreUnavailable from error
    return size


class JsonParts:
    """Writes JSON documents into one store; what an export's `put` is."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """See `put_stream`."""
        return await put_stream(self._objects, key, chunks, "application/json")

    async def check(self) -> None:
        """Raises ObjectStoreUnavailable when the bucket does not answer; for /readyz."""
        try:
            await self._objects.list_with_delimiter_async("exports/-")
        except exceptions.BaseError as error:
            raise ObjectStoreUnavailable from error
