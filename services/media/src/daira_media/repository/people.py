"""Projections of user: who is private, and who follows whom."""

from uuid import UUID

from daira_stores.work import Work

_ACCOUNT = "SELECT is_private, revision FROM account WHERE id = %s FOR UPDATE"
_PUT_ACCOUNT = """
INSERT INTO account (id, is_private, revision) VALUES (%s, %s, %s)
ON CONFLICT (id) DO UPDATE SET is_private = excluded.is_private, revision = excluded.revision
"""
_REMOVE_ACCOUNT = "DELETE FROM account WHERE id = %s"
_PUT_FOLLOWER = """
INSERT INTO follower (author_id, follower_id, revision) VALUES (%s, %s, %s)
ON CONFLICT (author_id, follower_id) DO UPDATE SET revision = excluded.revision
WHERE follower.revision < excluded.revision
"""
_REMOVE_FOLLOWER = "DELETE FROM follower WHERE author_id = %s AND follower_id = %s AND revision < %s"
_REMOVE_FOLLOWS = "DELETE FROM follower WHERE author_id = %(id)s OR follower_id = %(id)s"
ALWAYS = 2**63 - 1
"""Newer than every revision."""


async def put_account(work: Work, user_id: UUID, *, is_private: bool, revision: int) -> bool | None:
    """What the account was before; None when nothing was known. Late news change nothing and equal what is known."""
    known = await work.one(_ACCOUNT, (user_id,))
    if known is not None and known["revision"] >= revision:
        return is_private
    await work.execute(_PUT_ACCOUNT, (user_id, is_private, revision))
    return None if known is None else bool(known["is_private"])


async def is_private(work: Work, user_id: UUID) -> bool:
    """False also for an account nobody told of."""
    known = await work.one(_ACCOUNT, (user_id,))
    return known is not None and bool(known["is_private"])


async def remove_account(work: Work, user_id: UUID) -> None:
    """Forget what is known of an account."""
    await work.execute(_REMOVE_ACCOUNT, (user_id,))


async def put_follower(work: Work, author_id: UUID, follower_id: UUID, revision: int) -> None:
    """Somebody follows somebody."""
    await work.execute(_PUT_FOLLOWER, (author_id, follower_id, revision))


async def remove_follower(work: Work, author_id: UUID, follower_id: UUID, revision: int = ALWAYS) -> bool:
    """True when somebody followed until now, and what is known is older than `revision`."""
    return (await work.execute(_REMOVE_FOLLOWER, (author_id, follower_id, revision))).rowcount == 1


async def remove_person(work: Work, user_id: UUID) -> None:
    """Forget an erased person."""
    await work.execute(_REMOVE_ACCOUNT, (user_id,))
    await work.execute(_REMOVE_FOLLOWS, {"id": user_id})
