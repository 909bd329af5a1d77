"""Exports and what goes into one."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from daira_stores.work import Work
from daira_user.domain.exports import Export, ExportState

Position = tuple[datetime, UUID]

PARTS: dict[str, LiteralString] = {
    "following": """SELECT target_id AS id, since AS at FROM relation WHERE actor_id = %(user)s
        AND follow = 'FOLLOWING' AND (since, target_id) > (%(at)s, %(last)s) ORDER BY since, target_id LIMIT %(n)s""",
    "followers": """SELECT actor_id AS id, since AS at FROM relation WHERE target_id = %(user)s
        AND follow = 'FOLLOWING' AND (since, actor_id) > (%(at)s, %(last)s) ORDER BY since, actor_id LIMIT %(n)s""",
    "requestedToFollow": """SELECT target_id AS id, since AS at FROM relation WHERE actor_id = %(user)s
        AND follow = 'REQUESTED' AND (since, target_id) > (%(at)s, %(last)s) ORDER BY since, target_id LIMIT %(n)s""",
    "followRequests": """SELECT actor_id AS id, since AS at FROM relation WHERE target_id = %(user)s
        AND follow = 'REQUESTED' AND (since, actor_id) > (%(at)s, %(last)s) ORDER BY since, actor_id LIMIT %(n)s""",
    "blocked": """SELECT target_id AS id, changed_at AS at FROM relation WHERE actor_id = %(user)s AND blocks
        AND (changed_at, target_id) > (%(at)s, %(last)s) ORDER BY changed_at, target_id LIMIT %(n)s""",
    "muted": """SELECT target_id AS id, changed_at AS at FROM relation WHERE actor_id = %(user)s AND mutes
        AND (changed_at, target_id) > (%(at)s, %(last)s) ORDER BY changed_at, target_id LIMIT %(n)s""",
}
"""The lists of an export, oldest first. Who blocks or mutes this person is theirs, not in it."""


async def put_new(work: Work, export: Export) -> None:
    """A fresh wish."""
    await work.execute(
        "INSERT INTO export (id, user_id, state, asked_at) VALUES (%s, %s, %s, %s)",
        (export.id, export.user_id, export.state.value, export.asked_at),
    )


async def find(work: Work, export_id: UUID) -> Export | None:
    """An export of anybody."""
    row = await work.one("SELECT * FROM export WHERE id = %s", (export_id,))
    return Export(**{**row, "state": ExportState(row["state"])}) if row else None


async def finish(work: Work, export_id: UUID, state: ExportState, expires_at: datetime, size_bytes: int | None) -> bool:
    """False when the export is gone, because the person is."""
    cursor = await work.execute(
        "UPDATE export SET state = %s, expires_at = %s, size_bytes = %s WHERE id = %s",
        (state.value, expires_at, size_bytes, export_id),
    )
    return cursor.rowcount == 1


async def remove(work: Work, export_id: UUID) -> None:
    """Once its bytes are gone."""
    await work.execute("DELETE FROM export WHERE id = %s", (export_id,))


async def ids_of(work: Work, user_id: UUID) -> list[UUID]:
    """All exports of one person."""
    return [row["id"] for row in await work.all("SELECT id FROM export WHERE user_id = %s", (user_id,))]


async def expired(work: Work, at: datetime, limit: int) -> list[UUID]:
    """Some of those that are no longer kept."""
    rows = await work.all("SELECT id FROM export WHERE expires_at <= %s LIMIT %s", (at, limit))
    return [row["id"] for row in rows]


async def part(work: Work, name: str, user_id: UUID, after: Position | None, limit: int) -> list[Position]:
    """The next people of one of PARTS, with the time."""
    at, last = after or ("-infinity", UUID(int=0))
    rows = await work.all(PARTS[name], {"user": user_id, "at": at, "last": last, "n": limit})
    return [(row["at"], row["id"]) for row in rows]


async def facts(work: Work, user_id: UUID) -> dict[str, Any] | None:
    """Profile and settings in one look; None when the person is gone."""
    return await work.one(
        """
        SELECT p.user_id, p.handle, p.display_name, p.bio, p.avatar_media_id, p.avatar_url, p.locale, p.is_private,
            p.interests, p.created_at, p.updated_at, s.data_saver
        FROM profile p LEFT JOIN setting s ON s.user_id = p.user_id WHERE p.user_id = %s
        """,
        (user_id,),
    )
