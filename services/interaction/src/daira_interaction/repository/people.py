"""Who was erased. A person's events and the erasure wait for each other, so that no event slips in behind it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from daira_stores.work import Work

LOCK_CLASS = 11
LOCKS = 256
"""People share them: with one each, a few batches of many people would fill the server's table of locks."""


async def find_erased(work: Work, user_ids: Collection[UUID]) -> set[UUID]:
    """Those of them who were erased. Holds off erasures of the others until the transaction ends."""
    ids = list(user_ids)
    await work.execute(
        "SELECT pg_advisory_xact_lock_shared(%s, lock) FROM unnest(%s::int[]) AS one (lock)",
        (LOCK_CLASS, sorted({_lock_of(user_id) for user_id in ids})),
    )
    return {row["user_id"] for row in await work.all("SELECT user_id FROM erased_user WHERE user_id = ANY(%s)", (ids,))}


async def put_erased(work: Work, user_id: UUID, erased_at: datetime) -> None:
    """Waits for events of this person that are being stored; later ones are dropped."""
    await work.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_CLASS, _lock_of(user_id)))
    await work.execute(
        "INSERT INTO erased_user (user_id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, erased_at)
    )


def _lock_of(user_id: UUID) -> int:
    return user_id.int % LOCKS
