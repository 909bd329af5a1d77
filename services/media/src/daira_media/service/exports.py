"""Archives of what the platform knows about a person: parts are counted as services write them, then packed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from msgspec.structs import replace

from daira_audience.repository import people
from daira_contracts.exports import ExportPartWritten, part_key
from daira_contracts.registry import EXPORTERS
from daira_contracts.user import ExportRequestedV1
from daira_kit.capabilities import is_capability, new_capability
from daira_kit.clock import now
from daira_kit.errors import NotYetVisible
from daira_kit.ids import id_time
from daira_media.adapters.archive import zipped
from daira_media.adapters.bytes_store import BytesStore
from daira_media.domain import keys
from daira_media.domain.exports import CONTENT_TYPE, NAME, Export, ExportState
from daira_media.errors import MediaNotFound
from daira_media.repository import exports as rows
from daira_media.service.stored import StoredFile
from daira_stores.postgres import Database
from daira_stores.work import Work

PACK, END, DROP_PARTS = "pack_export", "end_export", "drop_export_parts"
FRESH = timedelta(seconds=60)
LOOKS, BETWEEN_LOOKS_SECONDS = 20, 0.05


class Exports:
    """The expected parts are those of the services that declare, in the contracts, that they write one."""

    def __init__(self, database: Database, store: BytesStore, *, kept: timedelta) -> None:
        """`kept`: how long parts are waited for, and then how long the archive can be fetched."""
        self._database, self._store, self._kept = database, store, kept

    async def begin(self, work: Work, event: ExportRequestedV1) -> None:
        """The owner sees from now on that the archive is being made."""
        await self._begin(work, event.export_id, event.user_id)

    async def note_part(self, work: Work, event: ExportPartWritten) -> None:
        """With the last part the archive can be packed. A part nobody waits for any more is dropped again."""
        if not await self._begin(work, event.export_id, event.user_id):
            await work.enqueue(DROP_PARTS, str(event.export_id))
            return
        await rows.put_part(work, event.export_id, event.topic.partition(".")[0])
        if await rows.parts(work, event.export_id) >= set(EXPORTERS):
            await work.enqueue(PACK, str(event.export_id))

    async def read(self, owner_id: UUID, export_id: UUID) -> Export:
        """How far it is. Raises MediaNotFound, also for somebody else's, and NotYetVisible for an id just made."""
        for _ in range(LOOKS):
            async with self._database.read() as work:
                export = await rows.find(work, export_id)
                is_known = export is not None or await rows.is_elsewhere(work, export_id)
            if export is not None and export.owner_id == owner_id:
                return export
            made_at = id_time(export_id)
            if is_known or made_at is None or made_at < now() - FRESH:
                raise MediaNotFound
            await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        raise NotYetVisible

    async def find_ready(self, capability: str) -> StoredFile:
        """The archive that a URL means. Raises MediaNotFound."""
        if not is_capability(capability):
            raise MediaNotFound
        async with self._database.read() as work:
            export = await rows.find_ready(work, capability)
        if export is None or export.expires_at <= now():
            raise MediaNotFound
        key = keys.export_key(export.owner_id, export.id)
        return StoredFile(self._store, key, export.size_bytes, tag=f"{capability}-{NAME}", content_type=CONTENT_TYPE)

    async def pack(self, export_id: UUID) -> None:
        """From parts to READY; nothing happens in any other state."""
        async with self._database.read() as work:
            export = await rows.find(work, export_id)
        if export is None or export.state is not ExportState.PROCESSING:
            return
        key = keys.export_key(export.owner_id, export_id)
        entries = [(f"{service}.json", self._part(export_id, service)) for service in sorted(EXPORTERS)]
        size = await self._store.put_stream(key, zipped(entries), CONTENT_TYPE)
        if not await self._settle(export_id, ExportState.READY, size_bytes=size):
            await self._store.delete(key)

    async def fail(self, export_id: UUID, failure_code: str) -> None:
        """Give up: the owner reads FAILED with this code."""
        await self._settle(export_id, ExportState.FAILED, failure_code=failure_code)

    async def end(self, export_id: UUID) -> None:
        """The time of an archive is over: one that waits for parts has failed, one that was made is forgotten."""
        async with self._database.read() as work:
            export = await rows.find(work, export_id)
        if export is None:
            return
        if export.expires_at > now():  # this clock is behind the database's
            async with self._database.work() as work:
                await work.enqueue(END, str(export_id), due_at=export.expires_at + timedelta(seconds=1))
            return
        if export.state is ExportState.PROCESSING:
            await self.fail(export_id, "export_incomplete")
            return
        await self._store.delete(keys.export_key(export.owner_id, export_id))
        await self.drop_parts(export_id)
        async with self._database.work() as work:
            await rows.remove(work, export_id)

    async def drop_parts(self, export_id: UUID) -> None:
        """Parts are needed until the archive is there."""
        await self._store.delete_prefix(keys.parts_prefix(export_id))

    async def _begin(self, work: Work, export_id: UUID, owner_id: UUID) -> bool:
        """True while parts are waited for; wish and parts may come in any order."""
        await rows.hold_off_erasure(work, owner_id)
        if await people.is_erased(work, owner_id):
            return False
        ends_at = now() + self._kept
        fresh = Export(
            id=export_id,
            owner_id=owner_id,
            state=ExportState.PROCESSING,
            capability=new_capability(),
            expires_at=ends_at,
        )
        if await rows.put_new(work, fresh):
            await work.enqueue(END, str(export_id), due_at=ends_at)
            return True
        export = await rows.lock(work, export_id)
        return export is not None and export.state is ExportState.PROCESSING

    async def _settle(
        self, export_id: UUID, state: ExportState, *, size_bytes: int = 0, failure_code: str | None = None
    ) -> bool:
        """False when the export was erased or settled meanwhile."""
        async with self._database.work() as work:
            export = await rows.lock(work, export_id)
            if export is None:
                return False
            if export.state is not ExportState.PROCESSING:
                return export.state is state
            ends_at = now() + self._kept
            changed = replace(export, state=state, size_bytes=size_bytes, failure_code=failure_code, expires_at=ends_at)
            await rows.update(work, changed)
            await work.enqueue(END, str(export_id), due_at=ends_at)
            await work.enqueue(DROP_PARTS, str(export_id))
        return True

    def _part(self, export_id: UUID, service: str) -> AsyncIterator[bytes]:
        return self._store.read(part_key(export_id, service))
