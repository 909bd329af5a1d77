"""A person's copy of what user knows about them, written by a job and fetched by the person."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_user.adapters.export_store import ExportStore
from daira_user.domain.exports import Export, ExportState
from daira_user.errors import ExportExpired, ExportNotFound, ExportNotReady, PersonNotFound
from daira_user.repository import exports as rows
from daira_user.repository import handles, profiles

logger = get_logger(__name__)
WRITE, DROP = "write-export", "drop-export"
PAGE = 1_000
SWEEP = 100


class Exports:
    """Ask, look, fetch; kept for a while and gone with the person."""

    def __init__(self, database: Database, store: ExportStore, *, kept: timedelta) -> None:
        """`kept`: how long a finished export can be fetched."""
        self._database, self._store, self._kept = database, store, kept

    async def ask(
        self, user_id: UUID, idempotency: IdempotencyKey | None, answer: Callable[[Export], object]
    ) -> Export:
        """Begin a new export; `answer` makes the body that a repeat gets too. Raises PersonNotFound."""
        export = Export(id=new_id(), user_id=user_id, state=ExportState.WRITING, asked_at=now())
        async with self._database.work(idempotency) as work:
            if not await profiles.share(work, [user_id]):
                raise PersonNotFound
            await rows.put_new(work, export)
            await work.enqueue(WRITE, str(export.id))
            await work.answer(202, answer(export))
        return export

    async def look(self, user_id: UUID, export_id: UUID) -> Export:
        """How far it is. Raises ExportNotFound, also for somebody else's, and ExportExpired."""
        async with self._database.read() as work:
            export = await rows.find(work, export_id)
        if export is None or export.user_id != user_id:
            raise ExportNotFound
        if export.expires_at is not None and export.expires_at <= now():
            raise ExportExpired
        return export

    async def fetch(self, user_id: UUID, export_id: UUID) -> AsyncIterator[bytes]:
        """The JSON document. Raises ExportNotReady besides what `look` raises."""
        export = await self.look(user_id, export_id)
        if export.state is not ExportState.READY:
            raise ExportNotReady
        found = await self._store.read(export_id)
        if found is None:
            raise ExportExpired
        return found

    async def write(self, export_id: UUID) -> None:
        """Write the document to the store; repeating it replaces it."""
        async with self._database.read() as work:
            export = await rows.find(work, export_id)
        if export is None:
            return
        size = await self._store.put(export_id, self._document(export.user_id))
        async with self._database.work() as work:
            kept = await rows.finish(work, export_id, ExportState.READY, now() + self._kept, size)
        if not kept:
            await self._store.remove(export_id)

    async def give_up(self, export_id: UUID) -> None:
        """It could not be written."""
        async with self._database.work() as work:
            await rows.finish(work, export_id, ExportState.FAILED, now() + self._kept, None)

    async def drop(self, export_id: UUID) -> None:
        """Bytes first, then the row that names them."""
        await self._store.remove(export_id)
        async with self._database.work() as work:
            await rows.remove(work, export_id)

    async def drop_expired(self) -> int:
        """Exports that are no longer kept, some at a time."""
        async with self._database.read() as work:
            gone = await rows.expired(work, now(), SWEEP)
        for export_id in gone:
            await self.drop(export_id)
        return len(gone)

    async def _document(self, user_id: UUID) -> AsyncIterator[bytes]:
        """One JSON object: facts first, then each list page by page, so that memory stays flat."""
        async with self._database.read() as work:
            facts = await rows.facts(work, user_id)
            former = await handles.read_changes(work, user_id)
        yield msgspec.json.encode(_head(facts or {}, former))[:-1]
        for name in rows.PARTS:
            yield f',"{name}":['.encode()
            async for chunk in self._list(name, user_id):
                yield chunk
            yield b"]"
        yield b"}"

    async def _list(self, name: str, user_id: UUID) -> AsyncIterator[bytes]:
        after: rows.Position | None = None
        while True:
            async with self._database.read() as work:
                page = await rows.part(work, name, user_id, after, PAGE)
            if not page:
                return
            entries = [msgspec.json.encode({"userId": person, "since": at}) for at, person in page]
            yield (b"," if after else b"") + b",".join(entries)
            after = page[-1]


def _head(facts: dict[str, Any], former: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        "writtenAt": now(),
        "userId": facts.get("user_id"),
        "profile": {_camel(name): value for name, value in facts.items() if name not in ("user_id", "data_saver")},
        "settings": {"dataSaver": facts.get("data_saver")},
        "formerHandles": [{"handle": handle, "until": until} for handle, until in former],
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
