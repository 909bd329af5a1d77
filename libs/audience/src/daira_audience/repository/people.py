"""Projections of user: who is private, and who follows whom. And who was erased."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from daira_stores.arrays import columns_of
from daira_stores.work import Work

_ACCOUNT = "SELECT is_private, revision FROM account WHERE id = %s FOR UPDATE"
_PUT_ACCOUNTS = """
INSERT INTO account (id, is_private, revision)
SELECT * FROM unnest(%s::uuid[], %s::boolean[], %s::bigint[]) AS told (id, is_private, revision)
WHERE NOT EXISTS (SELECT FROM erased_person WHERE erased_person.id = told.id)
ON CONFLICT (id) DO UPDATE SET is_private = excluded.is_private, revision = excluded.revision
WHERE account.revision < excluded.revision
"""
_REMOVE_ACCOUNTS = "DELETE FROM account WHERE id = ANY(%s)"
_PRIVATE = "SELECT id FROM account WHERE id = ANY(%s) AND is_private"
_PUT_FOLLOWERS = """
INSERT INTO follower (author_id, follower_id, revision)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS told (author_id, follower_id, revision)
WHERE NOT EXISTS (SELECT FROM erased_person WHERE id IN (told.author_id, told.follower_id))
ON CONFLICT (author_id, follower_id) DO UPDATE SET revision = excluded.revision
WHERE follower.revision < excluded.revision
"""
_REMOVE_FOLLOWERS = """
DELETE FROM follower USING unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS told (author, person, newer)
WHERE author_id = author AND follower_id = person AND revision < newer
RETURNING author_id, follower_id
"""
_FOLLOWING = """
SELECT author_id, follower_id FROM follower
JOIN unnest(%s::uuid[], %s::uuid[]) AS asked (author, person) ON author_id = author AND follower_id = person
"""
_REMOVE_FOLLOWS = "DELETE FROM follower WHERE author_id = %(id)s OR follower_id = %(id)s"
_PUT_ERASED = "INSERT INTO erased_person (id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_ARE_ERASED = "SELECT 1 FROM erased_person WHERE id = ANY(%s) LIMIT 1"
ALWAYS = 2**63 - 1
"""Newer than every revision."""
Pair: TypeAlias = tuple[UUID, UUID]
"""Author and follower."""
Follow: TypeAlias = tuple[UUID, UUID, int]
"""Author, follower, and the revision of the relation."""


async def put_account(work: Work, user_id: UUID, *, is_private: bool, revision: int) -> bool | None:
    """What the account was before; None when nothing was known. Late news change nothing and equal what is known."""
    known = await work.one(_ACCOUNT, (user_id,))
    if known is not None and known["revision"] >= revision:
        return is_private
    await put_accounts(work, [(user_id, is_private, revision)])
    return None if known is None else bool(known["is_private"])


async def put_accounts(work: Work, accounts: Sequence[tuple[UUID, bool, int]]) -> None:
    """Id, whether it is private, and revision, each id once; the newest wins, of the erased nothing is kept."""
    if accounts:
        await work.execute(_PUT_ACCOUNTS, columns_of(accounts))


async def find_private(work: Work, user_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them that are known to be private."""
    return {row["id"] for row in await work.all(_PRIVATE, (list(user_ids),))}


async def is_private(work: Work, user_id: UUID) -> bool:
    """False also for an account nobody told of."""
    known = await work.one(_ACCOUNT, (user_id,))
    return known is not None and bool(known["is_private"])


async def remove_accounts(work: Work, user_ids: Sequence[UUID]) -> None:
    """Forget what is known of accounts."""
    await work.execute(_REMOVE_ACCOUNTS, (list(user_ids),))


async def put_followers(work: Work, followers: Sequence[Follow]) -> None:
    """Somebody follows somebody, each pair once; the newest wins, of the erased nothing is kept."""
    if followers:
        await work.execute(_PUT_FOLLOWERS, columns_of(followers))


async def remove_followers(work: Work, followers: Sequence[Follow]) -> list[Pair]:
    """Author and follower of those who followed until now, and of whom what is known is older."""
    if not followers:
        return []
    rows = await work.all(_REMOVE_FOLLOWERS, columns_of(followers))
    return [(row["author_id"], row["follower_id"]) for row in rows]


async def find_following(work: Work, pairs: Sequence[Pair]) -> set[Pair]:
    """Those of these authors and followers of whom the one follows the other."""
    if not pairs:
        return set()
    rows = await work.all(_FOLLOWING, columns_of(pairs))
    return {(row["author_id"], row["follower_id"]) for row in rows}


async def remove_person(work: Work, user_id: UUID) -> None:
    """Forget a person's account, and whom they followed and who followed them."""
    await remove_accounts(work, [user_id])
    await work.execute(_REMOVE_FOLLOWS, {"id": user_id})


async def put_erased(work: Work, person_id: UUID, erased_at: datetime) -> None:
    """Remember an erased person: a late upload must not bring anything back."""
    await work.execute(_PUT_ERASED, (person_id, erased_at))


async def is_erased(work: Work, *person_ids: UUID) -> bool:
    """True when one of them was erased."""
    return await work.one(_ARE_ERASED, (list(person_ids),)) is not None
