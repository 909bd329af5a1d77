"""Who is erased."""

from datetime import datetime
from uuid import UUID

from daira_stores.work import Work


async def lock_shared(work: Work, user_id: UUID) -> None:
    """Nobody erases this person until the transaction ends."""
    await work.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 1))", (str(user_id),))


async def lock(work: Work, user_id: UUID) -> None:
    """Nothing of this person is judged until the transaction ends."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (str(user_id),))


async def is_erased(work: Work, user_id: UUID) -> bool:
    """No event brings an erased person's subjects back."""
    return await work.one("SELECT 1 AS yes FROM erased_person WHERE user_id = %s", (user_id,)) is not None


async def put_erased(work: Work, user_id: UUID, erased_at: datetime) -> bool:
    """False when this was known."""
    cursor = await work.execute(
        "INSERT INTO erased_person (user_id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, erased_at)
    )
    return cursor.rowcount == 1
