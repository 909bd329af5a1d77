"""Files in the bucket, as they are served."""

from collections.abc import AsyncIterator

from daira_media.adapters.bytes_store import BytesStore, ObjectMissing
from daira_media.errors import MediaNotFound
from daira_web.files import Opened, Span


class StoredFile:
    """A file of known size in the bucket; see `daira_web.files.File`."""

    def __init__(self, store: BytesStore, key: str, size: int, *, tag: str, content_type: str) -> None:
        self.tag, self.content_type = tag, content_type
        self._store, self._key, self._size = store, key, size

    async def size(self) -> int:
        """In bytes."""
        return self._size

    async def open(self, span: Span | None) -> Opened:
        """Raises MediaNotFound."""
        part = span or Span(0, self._size)
        chunks = self._store.read(self._key, part.start, part.end)
        try:
            first = await anext(chunks)
        except (ObjectMissing, StopAsyncIteration) as error:
            raise MediaNotFound from error
        return Opened(size=self._size, chunks=_chain(first, chunks))


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
