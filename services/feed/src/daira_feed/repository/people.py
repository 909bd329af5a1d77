"""Projections of user: profiles, and how two people stand to each other. And who was erased."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from daira_contracts.feed import PostChangedV1
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_feed.domain.visibility import Standing
from daira_feed.repository.rows import convert, convert_all
from daira_stores.arrays import columns_of
from daira_stores.work import Work


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a card shows of a person."""

    user_id: UUID
    revision: int
    is_active: bool
    handle: str
    display_name: str
    avatar_url: str | None
    is_private: bool


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """All that `actor_id` holds towards `target_id`."""

    actor_id: UUID
    target_id: UUID
    revision: int
    follows: bool
    blocks: bool
    mutes: bool


async def put_profiles(work: Work, events: Sequence[ProfileChangedV1]) -> int:
    """How many were news, each person at most once in `events`; the erased are passed over."""
    cursor = await work.execute(
        """
        INSERT INTO profile (user_id, revision, is_active, handle, display_name, avatar_url, is_private)
        SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bool[], %s::text[], %s::text[], %s::text[], %s::bool[])
            AS told (user_id, revision, is_active, handle, display_name, avatar_url, is_private)
        WHERE NOT EXISTS (SELECT FROM erased WHERE erased.user_id = told.user_id)
        ON CONFLICT (user_id) DO UPDATE SET revision = excluded.revision, is_active = excluded.is_active,
            handle = excluded.handle, display_name = excluded.display_name, avatar_url = excluded.avatar_url,
            is_private = excluded.is_private
        WHERE profile.revision < excluded.revision
        """,
        columns_of(
            (
                event.user_id,
                event.revision,
                event.state is ProfileState.ACTIVE,
                event.handle,
                event.display_name,
                event.avatar_url,
                event.is_private,
            )
            for event in events
        ),
    )
    return cursor.rowcount


async def find_profiles(work: Work, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
    """Those that arrived."""
    rows = await work.all("SELECT * FROM profile WHERE user_id = ANY(%s)", (list(set(user_ids)),))
    return {profile.user_id: profile for profile in convert_all(rows, Profile)}


async def remove_profiles(work: Work, user_ids: Sequence[UUID]) -> None:
    """Forget names and pictures."""
    await work.execute("DELETE FROM profile WHERE user_id = ANY(%s)", (list(user_ids),))


async def lock_relation(work: Work, actor_id: UUID, target_id: UUID) -> Relation | None:
    """The pair as it is, locked until the transaction ends."""
    row = await work.one(
        "SELECT * FROM relation WHERE actor_id = %s AND target_id = %s FOR UPDATE", (actor_id, target_id)
    )
    return convert(row, Relation)


async def find_relation(work: Work, actor_id: UUID, target_id: UUID) -> Relation | None:
    """The pair as it is."""
    row = await work.one("SELECT * FROM relation WHERE actor_id = %s AND target_id = %s", (actor_id, target_id))
    return convert(row, Relation)


async def put_relations(work: Work, events: Sequence[RelationChangedV1]) -> None:
    """What is newer than what is known, each pair at most once in `events`; pairs with an erased person are not kept.

    A live handler holds the pair's lock and keeps the counts in line.
    """
    await work.execute(
        """
        INSERT INTO relation (actor_id, target_id, revision, follows, blocks, mutes)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bool[], %s::bool[], %s::bool[])
            AS told (actor_id, target_id, revision, follows, blocks, mutes)
        WHERE NOT EXISTS (SELECT FROM erased WHERE user_id IN (told.actor_id, told.target_id))
        ON CONFLICT (actor_id, target_id) DO UPDATE SET revision = excluded.revision, follows = excluded.follows,
            blocks = excluded.blocks, mutes = excluded.mutes
        WHERE relation.revision < excluded.revision
        """,
        columns_of(
            (
                event.actor_id,
                event.target_id,
                event.revision,
                event.follow is FollowState.FOLLOWING,
                event.blocks,
                event.mutes,
            )
            for event in events
        ),
    )


async def clear_relations(work: Work, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """The pairs' keys left their topic; rows stay with nothing in them, so that Circles can be brought in line.

    Their last events, which said so, were missed: those had higher revisions than what is held, so one more is free.
    """
    actors, targets = columns_of(pairs)
    await work.execute(
        """
        UPDATE relation SET revision = revision + 1, follows = false, blocks = false, mutes = false
        FROM unnest(%s::uuid[], %s::uuid[]) AS gone (actor, target) WHERE actor_id = actor AND target_id = target
        """,
        (actors, targets),
    )


async def find_standings(work: Work, reader_id: UUID, author_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """How a reader stands to each of these authors; everybody is in the answer."""
    rows = await work.all(
        """
        SELECT author.id, mine.follows, mine.blocks, mine.mutes, theirs.blocks AS blocked_by
        FROM unnest(%(authors)s::uuid[]) AS author (id)
        LEFT JOIN relation mine ON mine.actor_id = %(reader)s AND mine.target_id = author.id
        LEFT JOIN relation theirs ON theirs.actor_id = author.id AND theirs.target_id = %(reader)s
        """,
        {"reader": reader_id, "authors": list(set(author_ids))},
    )
    return {
        row["id"]: Standing(
            is_self=row["id"] == reader_id,
            follows=bool(row["follows"]),
            blocks=bool(row["blocks"]),
            blocked_by=bool(row["blocked_by"]),
            mutes=bool(row["mutes"]),
        )
        for row in rows
    }


async def read_unusual(work: Work, reader_id: UUID) -> tuple[list[Relation], list[Relation]]:
    """What a Circle must hide: the reader's own blocks and mutes, and the blocks of others against the reader."""
    own = await work.all("SELECT * FROM relation WHERE actor_id = %s AND (blocks OR mutes)", (reader_id,))
    others = await work.all("SELECT * FROM relation WHERE target_id = %s AND blocks", (reader_id,))
    return convert_all(own, Relation), convert_all(others, Relation)


async def read_partners(work: Work, user_id: UUID) -> list[Relation]:
    """Every pair this person is in; for erasure."""
    rows = await work.all("SELECT * FROM relation WHERE actor_id = %(id)s OR target_id = %(id)s", {"id": user_id})
    return convert_all(rows, Relation)


async def remove_relations(work: Work, user_id: UUID) -> None:
    """Every pair this person is in."""
    await work.execute("DELETE FROM relation WHERE actor_id = %(id)s OR target_id = %(id)s", {"id": user_id})


async def put_erased(work: Work, user_id: UUID, erased_at: datetime) -> None:
    """Remember for ever that nothing of this person may come back."""
    await work.execute(
        "INSERT INTO erased (user_id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, erased_at)
    )


async def is_erased(work: Work, *user_ids: UUID) -> bool:
    """True when one of them was erased."""
    row = await work.one("SELECT true AS found FROM erased WHERE user_id = ANY(%s) LIMIT 1", (list(user_ids),))
    return row is not None


async def remove_traces(work: Work, user_id: UUID) -> None:
    """Stored answers of this person's requests, which hold text."""
    await work.forget_answers(user_id)


async def remove_told(work: Work, post_id: UUID) -> None:
    """Told events of a post that still wait for the sweep, and those not told yet: all hold text."""
    await work.retract(PostChangedV1, str(post_id))
