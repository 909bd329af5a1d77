"""A ZIP archive as a stream: entries are compressed while they are read, and nothing is held in memory."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from daira_kit.clock import now

Entry = tuple[str, AsyncIterator[bytes]]


class _Sink(io.RawIOBase):
    """Takes what the archive writes and hands it on; it cannot be searched, so sizes follow the bytes."""

    def __init__(self) -> None:
        self._taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._taken += piece
        return len(piece)

    def drain(self) -> bytes:
        """What was written since the last time."""
        piece = bytes(self._taken)
        self._taken.clear()
        return piece


async def zipped(entries: Sequence[Entry]) -> AsyncIterator[bytes]:
    """The archive of these named streams; what a stream raises comes out as it is."""
    sink, made_at = _Sink(), now().timetuple()[:6]
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for name, chunks in entries:
            info = ZipInfo(name, made_at)
            info.compress_type = ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                async for chunk in chunks:
                    await asyncio.to_thread(entry.write, chunk)
                    if piece := sink.drain():
                        yield piece
    yield sink.drain()
