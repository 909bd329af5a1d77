"""Pages of rows from which Redis is made anew."""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct
from uuid import UUID

from daira_feed.domain.timeline import CIRCLE_SIZE, Entry
from daira_feed.repository.audience import Reader
from daira_feed.repository.people import Profile, Relation
from daira_feed.repository.posts import Post
from daira_feed.repository.rows import convert_all
from daira_stores.work import Work

ENTRY = Struct(">q32s")
"""An entry as PostgreSQL packs it: eight bytes of milliseconds, the post's id, the author's id."""


class Kept(Reader, frozen=True, kw_only=True):
    """Somebody whose Circle is kept."""

    active_at: datetime

    @property
    def name(self) -> str:
        """As keys are named for a reader."""
        return self.user_id.hex


async def count_readers(work: Work, active_since: datetime) -> int:
    """Those who read since then."""
    row = await work.one("SELECT count(*) AS found FROM reader WHERE active_at > %s", (active_since,))
    return int(row["found"]) if row else 0


async def read_readers(work: Work, after: UUID, active_since: datetime, limit: int) -> list[Kept]:
    """One page in order of ids."""
    rows = await work.all(
        "SELECT * FROM reader WHERE user_id > %s AND active_at > %s ORDER BY user_id LIMIT %s",
        (after, active_since, limit),
    )
    return convert_all(rows, Kept)


async def read_circles(work: Work, reader_ids: Sequence[UUID]) -> dict[UUID, list[Entry]]:
    """What the Circles of these readers should hold, newest first, as `audience.read_circle` says it for one.

    One value a reader: a thousand entries never become a thousand rows.
    """
    rows = await work.connection.execute(
        """
        SELECT reader.id, (
            SELECT string_agg(int8send(ms) || uuid_send(post) || uuid_send(author), '' ORDER BY place) FROM (
                SELECT floor(extract(epoch FROM recent.published_at) * 1000)::bigint AS ms, recent.id AS post,
                    r.target_id AS author,
                    row_number() OVER (ORDER BY recent.published_at DESC, recent.id DESC) AS place
                FROM relation r
                LEFT JOIN author a ON a.user_id = r.target_id
                CROSS JOIN LATERAL (
                    SELECT id, published_at FROM post WHERE author_id = r.target_id AND state = 'PUBLISHED'
                    ORDER BY published_at DESC, id DESC LIMIT %(size)s
                ) AS recent
                WHERE r.actor_id = reader.id AND r.follows AND coalesce(a.mode, 'PUSHED') <> 'PULLED'
                ORDER BY recent.published_at DESC, recent.id DESC LIMIT %(size)s
            ) AS newest
        ) AS entries
        FROM unnest(%(readers)s::uuid[]) AS reader (id)
        """,
        {"readers": list(reader_ids), "size": CIRCLE_SIZE},
        binary=True,
    )
    return {row["id"]: list(ENTRY.iter_unpack(row["entries"] or b"")) async for row in rows}


async def read_stars(work: Work, reader_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The authors (hex) whose own timelines these readers' Circles merge; readers without any are absent."""
    rows = await work.all(
        """
        SELECT r.actor_id, array_agg(encode(uuid_send(r.target_id), 'hex')) AS stars
        FROM relation r JOIN author a ON a.user_id = r.target_id
        WHERE r.actor_id = ANY(%s) AND r.follows AND a.mode <> 'PUSHED' GROUP BY r.actor_id
        """,
        (list(reader_ids),),
    )
    return {row["actor_id"]: row["stars"] for row in rows}


async def read_unusual(work: Work, reader_ids: Sequence[UUID]) -> dict[UUID, list[Relation]]:
    """By reader their own blocks and mutes, and the blocks of others against them."""
    ids = list(reader_ids)
    own = await work.all("SELECT * FROM relation WHERE actor_id = ANY(%s) AND (blocks OR mutes)", (ids,))
    others = await work.all("SELECT * FROM relation WHERE target_id = ANY(%s) AND blocks", (ids,))
    found: dict[UUID, list[Relation]] = {}
    for held in convert_all(own, Relation):
        found.setdefault(held.actor_id, []).append(held)
    for held in convert_all(others, Relation):
        found.setdefault(held.target_id, []).append(held)
    return found


async def count_posts(work: Work) -> int:
    """Those that were ever visible."""
    row = await work.one("SELECT count(*) AS found FROM post WHERE published_at IS NOT NULL")
    return int(row["found"]) if row else 0


async def read_posts(work: Work, after: UUID, limit: int) -> list[Post]:
    """One page of those that were ever visible, in order of ids."""
    rows = await work.all(
        "SELECT * FROM post WHERE id > %s AND published_at IS NOT NULL ORDER BY id LIMIT %s", (after, limit)
    )
    return convert_all(rows, Post)


async def count_profiles(work: Work) -> int:
    """Everybody."""
    row = await work.one("SELECT count(*) AS found FROM profile")
    return int(row["found"]) if row else 0


async def read_profiles(work: Work, after: UUID, limit: int) -> list[Profile]:
    """One page in order of ids."""
    rows = await work.all("SELECT * FROM profile WHERE user_id > %s ORDER BY user_id LIMIT %s", (after, limit))
    return convert_all(rows, Profile)
