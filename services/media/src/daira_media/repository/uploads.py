"""Rows of uploads. The lease is kept by the database's clock, so that replicas need not agree on the time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from daira_media.domain.parts import NUMBERS_SKIPPED
from daira_media.domain.purposes import ContentType, Purpose
from daira_media.domain.uploads import Part, Progress, Tail, Upload, UploadState
from daira_stores.work import Work

INSERT = """
INSERT INTO upload (id, owner_id, state, purpose, length, is_partial, concat, metadata, expires_at)
VALUES (%(id)s, %(owner)s, 'OPEN', %(purpose)s, %(length)s, %(partial)s, %(concat)s, %(metadata)s,
        clock_timestamp() + make_interval(secs => %(kept)s))
RETURNING *
"""
ACQUIRE = """
UPDATE upload SET fence = fence + 1, length = %(length)s, reserved = %(reserved)s,
    next_part = next_part + CASE WHEN leased_until IS NULL THEN 0 ELSE %(skip)s END,
    leased_until = clock_timestamp() + make_interval(secs => %(lease)s),
    expires_at = clock_timestamp() + make_interval(secs => %(kept)s)
WHERE id = %(id)s AND state = 'OPEN' AND upload_offset = %(offset)s
  AND (leased_until IS NULL OR leased_until < clock_timestamp())
RETURNING *
"""
ACQUIRE_FULL = """
UPDATE upload SET fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s RETURNING *
"""
RENEW = """
UPDATE upload SET leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND fence = %(fence)s AND state IN ('OPEN', 'COMPLETING')
"""
RESERVE = "UPDATE upload SET reserved = %(reserved)s WHERE id = %(id)s AND fence = %(fence)s AND state = 'OPEN'"
PARK = "UPDATE upload SET leased_until = NULL WHERE id = %(id)s AND fence = %(fence)s"
RELEASE = "UPDATE upload SET leased_until = NULL, reserved = 0 WHERE id = %(id)s AND fence = %(fence)s"
ADVANCE = """
UPDATE upload SET upload_offset = %(offset)s, parts_size = parts_size + %(added)s, next_part = %(next_part)s,
    multipart_id = %(multipart_id)s, tail_key = %(tail_key)s, tail_size = %(tail_size)s, head = %(head)s,
    purpose = %(purpose)s, content_type = %(content_type)s,
    leased_until = clock_timestamp() + make_interval(secs => %(lease)s),
    state = CASE WHEN length = %(offset)s THEN 'COMPLETING' ELSE state END
WHERE id = %(id)s AND fence = %(fence)s AND state = 'OPEN'
RETURNING *
"""
INSERT_PART = "INSERT INTO upload_part (upload_id, number, etag, size) VALUES (%s, %s, %s, %s)"
PARTS = "SELECT number, etag, size FROM upload_part WHERE upload_id = %s ORDER BY number"
FIND = "SELECT * FROM upload WHERE id = %s"
LOCK = """
SELECT *, coalesce(leased_until > clock_timestamp(), false) AS is_held,
    coalesce(leased_until <= clock_timestamp(), false) AS is_abandoned
FROM upload WHERE id = %s FOR UPDATE
"""
SET_STATE = "UPDATE upload SET state = %s, leased_until = NULL WHERE id = %s"
DELETE = "DELETE FROM upload WHERE id = %s"
DELETE_OWNED = "DELETE FROM upload WHERE owner_id = %s"
LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 11))"
USAGE = """
SELECT (SELECT coalesce(sum(size_bytes), 0) FROM asset WHERE owner_id = %(owner)s AND state <> 'REMOVED')::bigint
     + coalesce(sum(coalesce(length, greatest(upload_offset, reserved))), 0)::bigint AS bytes,
    count(*) FILTER (WHERE state = 'OPEN') AS open_uploads
FROM upload
WHERE owner_id = %(owner)s AND (state IN ('OPEN', 'COMPLETING') OR is_partial)
  AND state NOT IN ('EXPIRED', 'TERMINATED') AND id IS DISTINCT FROM %(besides)s::uuid
"""


class Usage(msgspec.Struct, frozen=True):
    """What a person holds: bytes of assets, those that unfinished uploads promise or reserve, and partial uploads."""

    bytes: int
    open_uploads: int


class Locked(msgspec.Struct, frozen=True):
    """An upload with its row locked. `is_abandoned`: its last holder fell silent without giving the lease back."""

    upload: Upload
    is_held: bool
    is_abandoned: bool


class NewUpload(msgspec.Struct, frozen=True, kw_only=True):
    """What a creation request settles."""

    id: UUID
    owner_id: UUID
    purpose: Purpose | None
    length: int | None
    is_partial: bool
    concat: str | None
    metadata: dict[str, str]


async def put(work: Work, new: NewUpload, kept_seconds: float) -> Upload:
    """Insert an open upload."""
    row = await work.one(
        INSERT,
        {
            "id": new.id,
            "owner": new.owner_id,
            "purpose": new.purpose.value if new.purpose else None,
            "length": new.length,
            "partial": new.is_partial,
            "concat": new.concat,
            "metadata": Json(new.metadata),
            "kept": kept_seconds,
        },
    )
    assert row is not None
    return _upload(row)


async def find(work: Work, upload_id: UUID) -> Upload | None:
    """An upload in whatever state, whoever owns it."""
    row = await work.one(FIND, (upload_id,))
    return _upload(row) if row else None


async def lock(work: Work, upload_id: UUID) -> Locked | None:
    """Lock the upload's row, whoever owns it."""
    row = await work.one(LOCK, (upload_id,))
    return Locked(_upload(row), row["is_held"], row["is_abandoned"]) if row else None


async def acquire(
    work: Work,
    upload: Upload,
    length: int | None,
    *,
    reserved: int = 0,
    lease_seconds: float,
    kept_seconds: float,
) -> Upload | None:
    """Take the lease with a new fence; None when it is held or the offset moved on meanwhile."""
    row = await work.one(
        ACQUIRE,
        {
            "id": upload.id,
            "length": length,
            "reserved": reserved,
            "offset": upload.offset,
            "skip": NUMBERS_SKIPPED,
            "lease": lease_seconds,
            "kept": kept_seconds,
        },
    )
    return _upload(row) if row else None


async def acquire_full(work: Work, upload_id: UUID, lease_seconds: float) -> Upload:
    """Take the lease of an upload that waits to be finished; the caller holds the row's lock and saw it free."""
    row = await work.one(ACQUIRE_FULL, (lease_seconds, upload_id))
    assert row is not None
    return _upload(row)


async def renew(work: Work, upload: Upload, lease_seconds: float) -> bool:
    """False when somebody else took the lease (or ended the upload)."""
    values = {"id": upload.id, "fence": upload.fence, "lease": lease_seconds}
    return (await work.execute(RENEW, values)).rowcount == 1


async def reserve(work: Work, upload: Upload, reach: int) -> bool:
    """Count the upload as `reach` bytes until its lease is given back; False when that is not ours any more."""
    values = {"id": upload.id, "fence": upload.fence, "reserved": reach}
    return (await work.execute(RESERVE, values)).rowcount == 1


async def park(work: Work, upload: Upload) -> None:
    """Let others take the lease, and keep what is reserved in case that nobody does."""
    await work.execute(PARK, {"id": upload.id, "fence": upload.fence})


async def release(work: Work, upload: Upload) -> None:
    """Give the lease back, if it is still ours."""
    await work.execute(RELEASE, {"id": upload.id, "fence": upload.fence})


async def advance(work: Work, upload: Upload, progress: Progress, lease_seconds: float) -> Upload | None:
    """Commit durable bytes; None when the lease is not ours any more. A full upload becomes COMPLETING."""
    row = await work.one(
        ADVANCE,
        {
            "id": upload.id,
            "fence": upload.fence,
            "lease": lease_seconds,
            "offset": progress.offset,
            "added": sum(part.size for part in progress.parts),
            "next_part": progress.next_part,
            "multipart_id": progress.multipart_id,
            "tail_key": progress.tail.key if progress.tail else None,
            "tail_size": progress.tail.size if progress.tail else 0,
            "head": progress.head,
            "purpose": progress.purpose.value if progress.purpose else None,
            "content_type": progress.content_type.value if progress.content_type else None,
        },
    )
    if row is None:
        return None
    for part in progress.parts:
        await work.execute(INSERT_PART, (upload.id, part.number, part.etag, part.size))
    return _upload(row)


async def parts(work: Work, upload_id: UUID) -> Sequence[Part]:
    """Durable parts in order."""
    return [Part(**row) for row in await work.all(PARTS, (upload_id,))]


async def set_state(work: Work, upload_id: UUID, state: UploadState) -> None:
    """The caller holds the row's lock and checked the transition."""
    await work.execute(SET_STATE, (state.value, upload_id))


async def remove(work: Work, upload_id: UUID) -> None:
    """Delete the row and its parts."""
    await work.execute(DELETE, (upload_id,))


async def remove_owned(work: Work, owner_id: UUID) -> None:
    """Delete all uploads of a person."""
    await work.execute(DELETE_OWNED, (owner_id,))


async def lock_owner(work: Work, owner_id: UUID, *, besides: UUID | None = None) -> Usage:
    """What a person holds `besides` one upload; whatever may add to it queues until this transaction ends.

    Who also locks the upload's row does so before.
    """
    await work.execute(LOCK_OWNER, (str(owner_id),))
    row = await work.one(USAGE, {"owner": owner_id, "besides": besides})
    assert row is not None
    return Usage(**row)


def _upload(row: dict[str, Any]) -> Upload:
    return Upload(
        id=row["id"],
        owner_id=row["owner_id"],
        state=UploadState(row["state"]),
        purpose=Purpose(row["purpose"]) if row["purpose"] else None,
        content_type=ContentType(row["content_type"]) if row["content_type"] else None,
        length=row["length"],
        offset=row["upload_offset"],
        head=row["head"],
        multipart_id=row["multipart_id"],
        parts_size=row["parts_size"],
        next_part=row["next_part"],
        tail=Tail(row["tail_key"], row["tail_size"]) if row["tail_key"] else None,
        fence=row["fence"],
        is_partial=row["is_partial"],
        concat=row["concat"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
