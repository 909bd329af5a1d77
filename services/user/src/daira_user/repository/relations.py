"""Relations between two people and the counts that follow from them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from daira_stores.work import Work
from daira_user.domain.relations import Follow, Pair, Relation

BUCKETS = 16
"""Rows a count is spread over, so that the followers of one famous person do not queue for one row."""


async def lock_pairs(work: Work, one: UUID, others: Sequence[UUID]) -> None:
    """One transaction at a time changes what two people hold towards each other, in either direction.

    All pairs of a transaction at once and in order, before any count: then nobody deadlocks.
    """
    for key in sorted(":".join(sorted((str(one), str(other)))) for other in others):
        await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", (key,))


async def pair(work: Work, mine: UUID, theirs: UUID) -> Pair:
    """Both directions; empty where nothing is held."""
    rows = await work.all(
        """
        SELECT actor_id, target_id, follow, since, blocks, mutes FROM relation
        WHERE (actor_id, target_id) IN ((%(mine)s, %(theirs)s), (%(theirs)s, %(mine)s))
        """,
        {"mine": mine, "theirs": theirs},
    )
    by_actor = {row["actor_id"]: relation(row) for row in rows}
    return Pair(
        by_actor.get(mine, Relation(actor_id=mine, target_id=theirs)),
        by_actor.get(theirs, Relation(actor_id=theirs, target_id=mine)),
    )


async def write(work: Work, changed: Relation, at: datetime) -> int:
    """Put or, when empty, delete the row, and return the revision; the pair must be locked."""
    if changed.is_empty:
        await work.execute(
            "DELETE FROM relation WHERE actor_id = %s AND target_id = %s", (changed.actor_id, changed.target_id)
        )
    else:
        await work.execute(
            """
            INSERT INTO relation (actor_id, target_id, follow, since, blocks, mutes, changed_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (actor_id, target_id) DO UPDATE SET follow = excluded.follow, since = excluded.since,
                blocks = excluded.blocks, mutes = excluded.mutes, changed_at = excluded.changed_at
            """,
            (
                changed.actor_id,
                changed.target_id,
                changed.follow.value,
                changed.since,
                changed.blocks,
                changed.mutes,
                at,
            ),
        )
    # One sequence for all pairs: rising for each, also over a deleted row.
    row = await work.one("SELECT nextval('relation_revision') AS revision")
    return int(row["revision"]) if row else 0


async def count(work: Work, changes: Sequence[tuple[UUID, UUID, int, int]]) -> None:
    """Add (person, other, followers, following) to the counts, in one order for everybody."""
    for person, other, followers, following in sorted(changes, key=lambda one: (one[0].int, one[1].int % BUCKETS)):
        await work.execute(
            """
            INSERT INTO follow_count (user_id, bucket, followers, following) VALUES (%s, %s, %s, %s)
            ON CONFLICT (user_id, bucket) DO UPDATE SET followers = follow_count.followers + excluded.followers,
                following = follow_count.following + excluded.following
            """,
            (person, other.int % BUCKETS, followers, following),
        )


def differences(before: Pair, after: Pair | None) -> list[tuple[UUID, UUID, int, int]]:
    """What `count` has to add when a pair changes; `after` is None when both directions end."""
    changes = []
    for old, new in ((before.mine, after.mine if after else None), (before.theirs, after.theirs if after else None)):
        step = _follows(new) - _follows(old)
        if step:
            changes += [(old.actor_id, old.target_id, 0, step), (old.target_id, old.actor_id, step, 0)]
    return changes


def _follows(direction: Relation | None) -> int:
    return int(direction is not None and direction.follow is Follow.FOLLOWING)


async def others_of(work: Work, user_id: UUID, limit: int) -> list[UUID]:
    """Some of the people with whom this person has any relation, in either direction."""
    rows = await work.all(
        """
        (SELECT target_id AS other FROM relation WHERE actor_id = %(id)s LIMIT %(limit)s)
        UNION (SELECT actor_id FROM relation WHERE target_id = %(id)s LIMIT %(limit)s)
        ORDER BY 1
        """,
        {"id": user_id, "limit": limit},
    )
    return [row["other"] for row in rows]


async def requesters(work: Work, user_id: UUID, limit: int) -> list[UUID]:
    """Some of those who ask to follow this person, the oldest first."""
    rows = await work.all(
        "SELECT actor_id FROM relation WHERE target_id = %s AND follow = 'REQUESTED' ORDER BY since, actor_id LIMIT %s",
        (user_id, limit),
    )
    return [row["actor_id"] for row in rows]


async def remove_counts(work: Work, user_id: UUID) -> None:
    """Of an erased person."""
    await work.execute("DELETE FROM follow_count WHERE user_id = %s", (user_id,))


def relation(row: dict[str, Any]) -> Relation:
    """A row of this table as the rules know it."""
    return Relation(
        actor_id=row["actor_id"],
        target_id=row["target_id"],
        follow=Follow(row["follow"]),
        since=row["since"],
        blocks=row["blocks"],
        mutes=row["mutes"],
    )
