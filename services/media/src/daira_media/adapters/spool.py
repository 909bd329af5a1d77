"""Received bytes wait on disk, not in memory, until they are a part of the right size."""

import asyncio
import os
from collections.abc import AsyncIterator
from tempfile import TemporaryFile

from daira_media.errors import SpoolFull

BATCH = 64 * 1024
"""Bytes collected before a write, and read at once when sending: a thread hop costs more than a small write."""


class Spool:
    """An unlinked temporary file: a killed process leaves nothing behind.

    Between `append` calls up to BATCH bytes are held in memory; `chunks` can be called again for a retry.
    """

    def __init__(self, folder: str | None) -> None:
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `close`
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self.size = 0

    async def append(self, data: bytes) -> None:
        """Take bytes. Raises SpoolFull when the disk is."""
        self._waiting.append(data)
        self._waiting_size += len(data)
        self.size += len(data)
        if self._waiting_size >= BATCH:
            await self._flush()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Everything appended so far, from the start."""
        await self._flush()
        position = 0
        while position < self.size:
            chunk = await asyncio.to_thread(os.pread, self._file.fileno(), BATCH, position)
            position += len(chunk)
            yield chunk

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    async def _flush(self) -> None:
        if self._waiting:
            batch, self._waiting, self._waiting_size = self._waiting, [], 0
            try:
                await asyncio.to_thread(self._write, b"".join(batch))
            except OSError as error:
                raise SpoolFull from error

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
