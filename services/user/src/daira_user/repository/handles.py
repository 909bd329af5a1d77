"""Who has a handle, who had it lately, and how often it was changed."""

from datetime import datetime
from uuid import UUID

from daira_stores.work import Work


async def lock_key(work: Work, key: str) -> None:
    """One transaction at a time decides who gets a handle."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (key,))


async def owner(work: Work, key: str) -> UUID | None:
    """Who has the handle."""
    row = await work.one("SELECT user_id FROM profile WHERE handle_key = %s", (key,))
    return row["user_id"] if row else None


async def is_held(work: Work, digest: bytes, user_id: UUID, at: datetime) -> bool:
    """Whether the handle is kept back for somebody else, or for nobody."""
    row = await work.one(
        "SELECT 1 AS yes FROM handle_hold WHERE digest = %s AND until > %s AND user_id IS DISTINCT FROM %s",
        (digest, at, user_id),
    )
    return row is not None


async def hold(work: Work, digest: bytes, user_id: UUID | None, until: datetime) -> None:
    """Keep a handle for its former owner, or for nobody when the owner is erased."""
    await work.execute(
        """
        INSERT INTO handle_hold (digest, user_id, until) VALUES (%s, %s, %s)
        ON CONFLICT (digest) DO UPDATE SET user_id = excluded.user_id, until = excluded.until
        """,
        (digest, user_id, until),
    )


async def forget_holder(work: Work, user_id: UUID) -> None:
    """Holds of an erased person stay, without saying whose they were."""
    await work.execute("UPDATE handle_hold SET user_id = NULL WHERE user_id = %s", (user_id,))


async def drop_old_holds(work: Work, at: datetime) -> int:
    """Holds that have run out."""
    return (await work.execute("DELETE FROM handle_hold WHERE until <= %s", (at,))).rowcount


async def count_changes(work: Work, user_id: UUID, since: datetime) -> int:
    """How often the person changed the handle lately."""
    row = await work.one(
        "SELECT count(*) AS n FROM handle_change WHERE user_id = %s AND changed_at > %s", (user_id, since)
    )
    return int(row["n"]) if row else 0


async def put_change(work: Work, user_id: UUID, former: str, at: datetime) -> None:
    """Remember the handle that was given up."""
    await work.execute(
        "INSERT INTO handle_change (user_id, handle, changed_at) VALUES (%s, %s, %s)", (user_id, former, at)
    )


async def read_changes(work: Work, user_id: UUID) -> list[tuple[str, datetime]]:
    """Former handles with the time they were given up, newest first."""
    rows = await work.all(
        "SELECT handle, changed_at FROM handle_change WHERE user_id = %s ORDER BY changed_at DESC", (user_id,)
    )
    return [(row["handle"], row["changed_at"]) for row in rows]
