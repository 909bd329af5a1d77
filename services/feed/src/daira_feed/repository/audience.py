"""Who reads and who is read: follower pages, activity, and how each author's posts travel."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from daira_contracts.user import DataSaver, SettingsChangedV1
from daira_feed.domain.celebrity import Mode
from daira_feed.domain.timeline import CIRCLE_SIZE, Entry, entry_of
from daira_feed.repository.rows import convert
from daira_stores.arrays import columns_of
from daira_stores.work import Work


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """How many follow an author, and how their posts travel."""

    user_id: UUID
    followers: int = 0
    mode: Mode = Mode.PUSHED


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about somebody who reads. `active_at` None: never read Circle."""

    user_id: UUID
    active_at: datetime | None = None
    following: int = 0
    following_revision: int = 0
    data_saver: DataSaver = DataSaver.CELLULAR
    settings_revision: int = 0


class FollowerPage(msgspec.Struct, frozen=True, kw_only=True):
    """`readers` are the active ones as 32 hex digits; `last` is the last follower looked at, None at the end.

    `fading` are those of them who read so long ago that their Circles ended.
    """

    readers: list[str]
    fading: list[str]
    last: UUID | None


async def add_followers(work: Work, author_id: UUID, change: int) -> Author:
    """Count and return the author, whose row is then locked until the transaction ends."""
    row = await work.one(
        """
        INSERT INTO author (user_id, followers) VALUES (%(id)s, greatest(%(change)s, 0))
        ON CONFLICT (user_id) DO UPDATE SET followers = greatest(author.followers + %(change)s, 0)
        RETURNING *
        """,
        {"id": author_id, "change": change},
    )
    return convert(row, Author) or Author(user_id=author_id)


async def add_following(work: Work, reader_id: UUID, change: int) -> None:
    """Count whom the reader follows."""
    await work.execute(
        """
        INSERT INTO reader (user_id, following, following_revision) VALUES (%(id)s, greatest(%(change)s, 0), 1)
        ON CONFLICT (user_id) DO UPDATE SET following = greatest(reader.following + %(change)s, 0),
            following_revision = reader.following_revision + 1
        """,
        {"id": reader_id, "change": change},
    )


async def count_follows(work: Work) -> None:
    """Both counts from the relations, for a rebuild; of people without any nothing is written."""
    await work.execute(
        """
        INSERT INTO reader (user_id, following)
        SELECT actor_id, count(*) FROM relation WHERE follows GROUP BY actor_id
        ON CONFLICT (user_id) DO UPDATE SET following = excluded.following
        """
    )
    await work.execute(
        """
        INSERT INTO author (user_id, followers)
        SELECT target_id, count(*) FROM relation WHERE follows GROUP BY target_id
        ON CONFLICT (user_id) DO UPDATE SET followers = excluded.followers
        """
    )


async def raise_following_revisions(work: Work, reader_ids: Sequence[UUID]) -> None:
    """Their counts were corrected: what Redis holds is older."""
    await work.execute(
        "UPDATE reader SET following_revision = following_revision + 1 WHERE user_id = ANY(%s)", (list(reader_ids),)
    )


async def find_author(work: Work, author_id: UUID) -> Author:
    """An author nobody follows yet has no row."""
    row = await work.one("SELECT * FROM author WHERE user_id = %s", (author_id,))
    return convert(row, Author) or Author(user_id=author_id)


async def put_mode(work: Work, author_id: UUID, mode: Mode) -> None:
    """How the author's posts travel from now on."""
    await work.execute("UPDATE author SET mode = %s WHERE user_id = %s", (mode.value, author_id))


async def lock_author(work: Work, author_id: UUID) -> Author | None:
    """The author's row, locked until the transaction ends."""
    return convert(await work.one("SELECT * FROM author WHERE user_id = %s FOR UPDATE", (author_id,)), Author)


async def find_reader(work: Work, reader_id: UUID) -> Reader:
    """Somebody who never read and follows nobody has no row."""
    row = await work.one("SELECT * FROM reader WHERE user_id = %s", (reader_id,))
    return convert(row, Reader) or Reader(user_id=reader_id)


async def put_active(work: Work, reader_id: UUID, active_at: datetime) -> None:
    """The reader is back: from this commit on pushes reach them."""
    await work.execute(
        """
        INSERT INTO reader (user_id, active_at) VALUES (%s, %s)
        ON CONFLICT (user_id) DO UPDATE SET active_at = excluded.active_at
        """,
        (reader_id, active_at),
    )


async def put_settings(work: Work, events: Sequence[SettingsChangedV1]) -> int:
    """How many were news, each person at most once in `events`; the erased are passed over."""
    cursor = await work.execute(
        """
        INSERT INTO reader (user_id, data_saver, settings_revision)
        SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bigint[]) AS told (user_id, data_saver, settings_revision)
        WHERE NOT EXISTS (SELECT FROM erased WHERE erased.user_id = told.user_id)
        ON CONFLICT (user_id) DO UPDATE SET data_saver = excluded.data_saver,
            settings_revision = excluded.settings_revision
        WHERE reader.settings_revision < excluded.settings_revision
        """,
        columns_of((event.user_id, event.data_saver.value, event.revision) for event in events),
    )
    return cursor.rowcount


async def read_followers(
    work: Work, author_id: UUID, after: UUID | None, limit: int, active_since: datetime, kept_since: datetime
) -> FollowerPage:
    """One page in order of ids, as one text: a million followers never become a million Python objects."""
    row = await work.one(
        """
        SELECT string_agg(page.hex, ',') FILTER (WHERE reader.active_at > %(since)s) AS readers,
            string_agg(page.hex, ',')
                FILTER (WHERE reader.active_at > %(since)s AND reader.active_at <= %(kept)s) AS fading,
            max(page.hex)::uuid AS last, count(*) AS found
        FROM (
            SELECT actor_id, encode(uuid_send(actor_id), 'hex') AS hex FROM relation
            WHERE target_id = %(author)s AND follows AND (%(after)s::uuid IS NULL OR actor_id > %(after)s)
            ORDER BY actor_id LIMIT %(limit)s
        ) AS page LEFT JOIN reader ON reader.user_id = page.actor_id
        """,
        {"author": author_id, "after": after, "limit": limit, "since": active_since, "kept": kept_since},
    )
    assert row is not None
    readers, fading = (row[name].split(",") if row[name] else [] for name in ("readers", "fading"))
    return FollowerPage(readers=readers, fading=fading, last=row["last"] if row["found"] == limit else None)


async def read_circle(work: Work, reader_id: UUID) -> tuple[list[Entry], list[str]]:
    """What a reader's Circle should hold, newest first, and the authors (hex) whose own timelines are merged."""
    rows = await work.all(
        """
        SELECT encode(uuid_send(recent.id), 'hex') AS post, encode(uuid_send(r.target_id), 'hex') AS author,
            floor(extract(epoch FROM recent.published_at) * 1000)::bigint AS ms
        FROM relation r
        LEFT JOIN author a ON a.user_id = r.target_id
        CROSS JOIN LATERAL (
            SELECT id, published_at FROM post WHERE author_id = r.target_id AND state = 'PUBLISHED'
            ORDER BY published_at DESC, id DESC LIMIT %(size)s
        ) AS recent
        WHERE r.actor_id = %(reader)s AND r.follows AND coalesce(a.mode, 'PUSHED') <> 'PULLED'
        ORDER BY recent.published_at DESC, recent.id DESC LIMIT %(size)s
        """,
        {"reader": reader_id, "size": CIRCLE_SIZE},
    )
    stars = await work.all(
        """
        SELECT encode(uuid_send(r.target_id), 'hex') AS author FROM relation r JOIN author a ON a.user_id = r.target_id
        WHERE r.actor_id = %s AND r.follows AND a.mode <> 'PUSHED'
        """,
        (reader_id,),
    )
    return [entry_of(row["ms"], row["post"], row["author"]) for row in rows], [row["author"] for row in stars]


async def read_timeline(work: Work, author_id: UUID) -> list[Entry]:
    """An author's newest visible posts."""
    rows = await work.all(
        """
        SELECT encode(uuid_send(id), 'hex') AS post, floor(extract(epoch FROM published_at) * 1000)::bigint AS ms
        FROM post WHERE author_id = %s AND state = 'PUBLISHED' ORDER BY published_at DESC, id DESC LIMIT %s
        """,
        (author_id, CIRCLE_SIZE),
    )
    return [entry_of(row["ms"], row["post"], author_id.hex) for row in rows]


async def remove(work: Work, user_id: UUID) -> None:
    """Forget this person as reader and as author."""
    await work.execute("DELETE FROM reader WHERE user_id = %s", (user_id,))
    await work.execute("DELETE FROM author WHERE user_id = %s", (user_id,))
