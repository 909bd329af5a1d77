"""Rows of archives, and what media itself holds of a person for its own part."""

from typing import Any
from uuid import UUID

import msgspec

from daira_media.domain.exports import Export
from daira_stores.sections import Sections
from daira_stores.work import Work

SECTIONS: Sections = {
    "media": """
        SELECT id, kind, state, content_type, size_bytes, duration_ms, failure_code, created_at,
            (SELECT json_agg(rendition ->> 'url') FROM jsonb_array_elements(renditions) rendition) AS urls
        FROM asset WHERE owner_id = %(user)s ORDER BY created_at, id
    """,
    "unfinishedUploads": """
        SELECT id, purpose, content_type, length, upload_offset, metadata, created_at
        FROM upload WHERE owner_id = %(user)s AND state IN ('OPEN', 'COMPLETING') ORDER BY created_at, id
    """,
}
HOLD_OFF_ERASURE = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 12))"
AWAIT_MAKERS = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 12))"
PUT_NEW = """
INSERT INTO export (id, owner_id, state, capability, expires_at)
VALUES (%(id)s, %(owner_id)s, %(state)s, %(capability)s, %(expires_at)s) ON CONFLICT DO NOTHING
"""
UPDATE = """
UPDATE export SET state = %(state)s, size_bytes = %(size_bytes)s, failure_code = %(failure_code)s,
    expires_at = %(expires_at)s
WHERE id = %(id)s
"""
FIND = "SELECT * FROM export WHERE id = %s"
LOCK = "SELECT * FROM export WHERE id = %s FOR UPDATE"
FIND_BY_CAPABILITY = "SELECT * FROM export WHERE capability = %s AND state = 'READY'"
OWNED = "SELECT id FROM export WHERE owner_id = %s"
REMOVE_OWNED = "DELETE FROM export WHERE owner_id = %s"
REMOVE = "DELETE FROM export WHERE id = %s"
PUT_PART = "INSERT INTO export_part (export_id, service) VALUES (%s, %s) ON CONFLICT DO NOTHING"
PARTS = "SELECT service FROM export_part WHERE export_id = %s"
IS_ELSEWHERE = "SELECT 1 FROM upload WHERE id = %(id)s UNION ALL SELECT 1 FROM asset WHERE id = %(id)s"


async def hold_off_erasure(work: Work, owner_id: UUID) -> None:
    """Nobody erases this person until the transaction ends; the first thing a transaction does."""
    await work.execute(HOLD_OFF_ERASURE, (str(owner_id),))


async def await_makers(work: Work, owner_id: UUID) -> None:
    """Waits for whoever holds off the erasure; later ones find the person erased."""
    await work.execute(AWAIT_MAKERS, (str(owner_id),))


async def put_new(work: Work, export: Export) -> bool:
    """False when it is known."""
    return (await work.execute(PUT_NEW, msgspec.structs.asdict(export))).rowcount == 1


async def update(work: Work, export: Export) -> None:
    """Write what may change; the caller holds the row's lock."""
    await work.execute(UPDATE, msgspec.structs.asdict(export))


async def find(work: Work, export_id: UUID) -> Export | None:
    """An archive, whoever owns it."""
    return _export(await work.one(FIND, (export_id,)))


async def lock(work: Work, export_id: UUID) -> Export | None:
    """An archive with its row locked."""
    return _export(await work.one(LOCK, (export_id,)))


async def find_ready(work: Work, capability: str) -> Export | None:
    """The archive that a URL means."""
    return _export(await work.one(FIND_BY_CAPABILITY, (capability,)))


async def owned_ids(work: Work, owner_id: UUID) -> list[UUID]:
    """Archives of one person."""
    return [row["id"] for row in await work.all(OWNED, (owner_id,))]


async def remove_owned(work: Work, owner_id: UUID) -> None:
    """All archives of a person, with their parts."""
    await work.execute(REMOVE_OWNED, (owner_id,))


async def remove(work: Work, export_id: UUID) -> None:
    """One archive, with its parts."""
    await work.execute(REMOVE, (export_id,))


async def put_part(work: Work, export_id: UUID, service: str) -> None:
    """A part is there; twice is fine."""
    await work.execute(PUT_PART, (export_id, service))


async def parts(work: Work, export_id: UUID) -> set[str]:
    """Whose parts are there."""
    return {row["service"] for row in await work.all(PARTS, (export_id,))}


async def is_elsewhere(work: Work, media_id: UUID) -> bool:
    """True for the id of an upload or asset."""
    return await work.one(IS_ELSEWHERE, {"id": media_id}) is not None


def _export(row: dict[str, Any] | None) -> Export | None:
    return msgspec.convert(row, Export) if row is not None else None
