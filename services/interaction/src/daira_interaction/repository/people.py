"""Who was erased. A person's events and the erasure wait for each other, so that no event slips in behind it."""

from datetime import datetime
from uuid import UUID

from daira_stores.work import Work

LOCK_SEED = 11


async def is_erased(work: Work, user_id: UUID) -> bool:
    """Holds off an erasure of this person until the transaction ends."""
    await work.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, %s))", (str(user_id), LOCK_SEED))
    return await work.one("SELECT 1 FROM erased_user WHERE user_id = %s", (user_id,)) is not None


async def put_erased(work: Work, user_id: UUID, erased_at: datetime) -> None:
    """Waits for events of this person that are being stored; later ones are dropped."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (str(user_id), LOCK_SEED))
    await work.execute(
        "INSERT INTO erased_user (user_id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, erased_at)
    )
