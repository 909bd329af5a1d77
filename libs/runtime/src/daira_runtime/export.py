"""The part of a person's export that a service writes: asked for by an event, written by a job, told by an event."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

import msgspec

from daira_bus.jobs import Job, JobKind, job
from daira_bus.subscription import on
from daira_contracts.exports import ExportPartWritten, part_key
from daira_contracts.user import ExportRequestedV1
from daira_stores.postgres import Database
from daira_stores.work import Work

WRITE_PART = "write-export-part"
CHUNK = 256 * 1024
PATIENCE = 1_000
"""Tries of a part; at a minute each the parts of a broken service wait for most of a day for its mended version."""

Records = AsyncIterator[tuple[str, object]]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What a service that holds something of a person hands over in its `Parts`.

    `collect(user_id)` yields (section, record) with the records of a section one after the other; nothing for a
    person it does not know. `put(key, chunks)` writes an object anew and returns its size in bytes. `told` is the
    service's own event.
    """

    told: type[ExportPartWritten]
    collect: Callable[[UUID], Records]
    put: Callable[[str, AsyncIterator[bytes]], Awaitable[int]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The job's payload."""

    user_id: UUID


async def want_part(work: Work, event: ExportRequestedV1) -> None:
    """Add the job that writes this service's part."""
    await work.enqueue(WRITE_PART, str(event.export_id), Wanted(user_id=event.user_id))


async def export_person(event: ExportRequestedV1, work: Work, _service: object) -> None:
    """Somebody wants a copy of what this service knows about them."""
    await want_part(work, event)


SUBSCRIPTION = on(ExportRequestedV1, export_person)


class PartWriter:
    """The job's handler. Written twice is the same object under the same key, told twice is told once more."""

    def __init__(self, database: Database, export: Export) -> None:
        self._database, self._export = database, export

    async def write(self, claimed: Job, _service: object) -> None:
        """Write the part, then tell that it is there."""
        export_id, person = UUID(claimed.key), claimed.payload_as(Wanted).user_id
        key = part_key(export_id, self._database.source)
        async with aclosing(document(self._export.collect(person))) as chunks:
            size = await self._export.put(key, chunks)
        async with self._database.work() as work:
            await work.emit(self._export.told(user_id=person, export_id=export_id, size_bytes=size))


def part_job(database: Database, export: Export) -> JobKind:
    """The kind of job that `want_part` adds."""
    return job(WRITE_PART, PartWriter(database, export).write, lease_seconds=60, max_attempts=PATIENCE)


async def document(records: Records) -> AsyncGenerator[bytes]:
    """One JSON object with a list for each section, in chunks, so that memory stays flat."""
    buffer, current = bytearray(b"{"), None
    async for section, record in records:
        if section == current:
            buffer += b","
        else:
            buffer += b"" if current is None else b"],"
            buffer += msgspec.json.encode(section) + b":["
            current = section
        buffer += msgspec.json.encode(record)
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    buffer += b"}" if current is None else b"]}"
    yield bytes(buffer)
