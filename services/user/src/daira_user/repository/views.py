"""What readers see: one person with the reader's relation to them, and pages of people."""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from daira_stores.work import Work
from daira_user.domain.profiles import Profile
from daira_user.domain.relations import Follow, Pair, Relation

Position = tuple[datetime, UUID]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A person, how the reader stands to them, and their counts."""

    profile: Profile
    pair: Pair
    followers: int
    following: int


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a list, with the name that others may see. `at` and `user_id` are the place in it."""

    user_id: UUID
    handle: str
    display_name: str
    avatar_url: str | None
    is_private: bool
    at: datetime
    follow: Follow


_SEEN: LiteralString = """
    SELECT p.*, m.follow AS m_follow, m.since AS m_since, m.blocks AS m_blocks, m.mutes AS m_mutes,
        t.follow AS t_follow, t.since AS t_since, t.blocks AS t_blocks, t.mutes AS t_mutes,
        coalesce(c.followers, 0)::bigint AS followers, coalesce(c.following, 0)::bigint AS following
    FROM profile p
    LEFT JOIN relation m ON m.actor_id = %(reader)s AND m.target_id = p.user_id
    LEFT JOIN relation t ON t.actor_id = p.user_id AND t.target_id = %(reader)s
    LEFT JOIN LATERAL (
        SELECT sum(followers) AS followers, sum(following) AS following FROM follow_count f WHERE f.user_id = p.user_id
    ) c ON true
"""

_CARD: LiteralString = """
    SELECT p.user_id, p.handle, p.approved_display_name AS display_name, p.avatar_url, p.is_private, l.at,
        coalesce(m.follow, 'NONE') AS follow
    FROM ("""

_FILTERED: LiteralString = """) l
    JOIN profile p ON p.user_id = l.user_id
    LEFT JOIN relation m ON m.actor_id = %(reader)s AND m.target_id = l.user_id
    LEFT JOIN relation t ON t.actor_id = l.user_id AND t.target_id = %(reader)s
    WHERE NOT coalesce(t.blocks, false) AND (%(with_blocked)s OR NOT coalesce(m.blocks, false))
    ORDER BY l.at DESC, l.user_id DESC LIMIT %(limit)s
"""

LISTS: dict[str, LiteralString] = {
    "followers": """SELECT actor_id AS user_id, since AS at FROM relation WHERE target_id = %(owner)s
        AND follow = 'FOLLOWING' AND (since, actor_id) < (%(at)s, %(id)s) ORDER BY since DESC, actor_id DESC""",
    "following": """SELECT target_id AS user_id, since AS at FROM relation WHERE actor_id = %(owner)s
        AND follow = 'FOLLOWING' AND (since, target_id) < (%(at)s, %(id)s) ORDER BY since DESC, target_id DESC""",
    "requests": """SELECT actor_id AS user_id, since AS at FROM relation WHERE target_id = %(owner)s
        AND follow = 'REQUESTED' AND (since, actor_id) < (%(at)s, %(id)s) ORDER BY since DESC, actor_id DESC""",
    "blocks": """SELECT target_id AS user_id, changed_at AS at FROM relation WHERE actor_id = %(owner)s
        AND blocks AND (changed_at, target_id) < (%(at)s, %(id)s) ORDER BY changed_at DESC, target_id DESC""",
    "mutes": """SELECT target_id AS user_id, changed_at AS at FROM relation WHERE actor_id = %(owner)s
        AND mutes AND (changed_at, target_id) < (%(at)s, %(id)s) ORDER BY changed_at DESC, target_id DESC""",
}
"""Each list, newest first, from a position on."""

_LAST_ID = UUID(int=2**128 - 1)


async def see(work: Work, reader: UUID, user_id: UUID) -> Seen | None:
    """A person by id."""
    return _seen(
        reader, await work.one(_SEEN + " WHERE p.user_id = %(user_id)s", {"reader": reader, "user_id": user_id})
    )


async def see_by_key(work: Work, reader: UUID, key: str) -> Seen | None:
    """A person by the key of the handle."""
    return _seen(reader, await work.one(_SEEN + " WHERE p.handle_key = %(key)s", {"reader": reader, "key": key}))


async def page(work: Work, which: str, owner: UUID, reader: UUID, before: Position | None, limit: int) -> list[Card]:
    """At most `limit` people; those who block the reader never, those the reader blocks only in `blocks`."""
    at, last = before or ("infinity", _LAST_ID)
    rows = await work.all(
        _CARD + LISTS[which] + _FILTERED,
        {
            "owner": owner,
            "reader": reader,
            "at": at,
            "id": last,
            "limit": limit,
            "with_blocked": which in ("blocks", "mutes"),
        },
    )
    return [Card(**{**row, "follow": Follow(row["follow"])}) for row in rows]


def _seen(reader: UUID, row: dict[str, Any] | None) -> Seen | None:
    if row is None:
        return None
    profile = Profile(**{name: row[name] for name in Profile.__struct_fields__})
    mine, theirs = _direction(row, "m", reader, profile.user_id), _direction(row, "t", profile.user_id, reader)
    return Seen(profile=profile, pair=Pair(mine, theirs), followers=row["followers"], following=row["following"])


def _direction(row: dict[str, Any], prefix: str, actor: UUID, target: UUID) -> Relation:
    if row[f"{prefix}_follow"] is None:
        return Relation(actor_id=actor, target_id=target)
    return Relation(
        actor_id=actor,
        target_id=target,
        follow=Follow(row[f"{prefix}_follow"]),
        since=row[f"{prefix}_since"],
        blocks=row[f"{prefix}_blocks"],
        mutes=row[f"{prefix}_mutes"],
    )
