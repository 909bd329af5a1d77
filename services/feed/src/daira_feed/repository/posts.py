"""Posts and the revisions of their content."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daira_contracts.feed import PostState, ReplyPolicy, Visibility
from daira_contracts.moderation import Decision
from daira_feed.domain.lifecycle import Content
from daira_feed.domain.media import Readiness
from daira_feed.repository.rows import convert, convert_all
from daira_stores.work import Work


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `post`."""

    id: UUID
    author_id: UUID
    state: PostState
    revision: int
    content_revision: int
    approved_revision: int
    visibility: Visibility
    reply_policy: ReplyPolicy
    duet_of: UUID | None
    stitch_of: UUID | None
    quote_of: UUID | None
    reject_code: str | None
    created_at: datetime
    edited_at: datetime | None
    published_at: datetime | None


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What one revision says and shows."""

    text: str
    hashtags: list[str]
    media_ids: list[UUID]


async def put_new(work: Work, post: Post, words: Words) -> None:
    """The row and its first revision."""
    await work.execute(
        """
        INSERT INTO post (id, author_id, state, visibility, reply_policy, duet_of, stitch_of, quote_of, created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            post.id,
            post.author_id,
            post.state.value,
            post.visibility.value,
            post.reply_policy.value,
            post.duet_of,
            post.stitch_of,
            post.quote_of,
            post.created_at,
        ),
    )
    await put_content(work, post.id, 1, words, post.created_at)


async def put_content(work: Work, post_id: UUID, revision: int, words: Words, created_at: datetime) -> None:
    """One more revision."""
    await work.execute(
        """
        INSERT INTO content (post_id, revision, text, hashtags, media_ids, created_at) VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (post_id, revision, words.text, words.hashtags, words.media_ids, created_at),
    )


async def put(work: Work, post: Post) -> None:
    """The row as it is now; the caller holds its lock."""
    await work.execute(
        """
        UPDATE post SET state = %s, revision = %s, content_revision = %s, approved_revision = %s, visibility = %s,
            reply_policy = %s, reject_code = %s, edited_at = %s, published_at = %s
        WHERE id = %s
        """,
        (
            post.state.value,
            post.revision,
            post.content_revision,
            post.approved_revision,
            post.visibility.value,
            post.reply_policy.value,
            post.reject_code,
            post.edited_at,
            post.published_at,
            post.id,
        ),
    )


async def lock(work: Work, post_id: UUID) -> Post | None:
    """The post, locked until the transaction ends."""
    return convert(await work.one("SELECT * FROM post WHERE id = %s FOR UPDATE", (post_id,)), Post)


async def find(work: Work, post_id: UUID) -> Post | None:
    """The post as it is."""
    return convert(await work.one("SELECT * FROM post WHERE id = %s", (post_id,)), Post)


async def find_many(work: Work, post_ids: Sequence[UUID]) -> list[Post]:
    """Those that exist, in no order."""
    return convert_all(await work.all("SELECT * FROM post WHERE id = ANY(%s)", (list(post_ids),)), Post)


async def read_words(work: Work, post_id: UUID, revision: int) -> Words | None:
    """What a revision says."""
    return convert(
        await work.one(
            "SELECT text, hashtags, media_ids FROM content WHERE post_id = %s AND revision = %s", (post_id, revision)
        ),
        Words,
    )


async def read_words_of(work: Work, revisions: Mapping[UUID, int]) -> dict[UUID, Words]:
    """What one revision of each of these posts says, those that exist."""
    rows = await work.all(
        """
        SELECT c.post_id, c.text, c.hashtags, c.media_ids FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (id, revision)
        JOIN content c ON c.post_id = wanted.id AND c.revision = wanted.revision
        """,
        (list(revisions), list(revisions.values())),
    )
    return {row["post_id"]: msgspec.convert(row, Words) for row in rows}


async def read_newest_words(work: Work, post_id: UUID) -> Words | None:
    """What the newest revision says, approved or not."""
    row = await work.one(
        "SELECT text, hashtags, media_ids FROM content WHERE post_id = %s ORDER BY revision DESC LIMIT 1", (post_id,)
    )
    return convert(row, Words)


async def read_approved(work: Work, post_ids: Sequence[UUID]) -> dict[UUID, Words]:
    """What each of these posts shows to others."""
    rows = await work.all(
        """
        SELECT p.id, c.text, c.hashtags, c.media_ids FROM post p
        JOIN content c ON c.post_id = p.id AND c.revision = p.approved_revision WHERE p.id = ANY(%s)
        """,
        (list(post_ids),),
    )
    return {row["id"]: msgspec.convert(row, Words) for row in rows}


async def read_contents(work: Work, post_id: UUID) -> list[Content]:
    """What was decided about each revision, oldest first."""
    rows = await work.all(
        "SELECT revision, decision, reason, media, media_code FROM content WHERE post_id = %s ORDER BY revision",
        (post_id,),
    )
    return convert_all(rows, Content)


async def put_decision(
    work: Work, post_id: UUID, revision: int, decision: Decision, reason: str | None, decision_revision: int
) -> bool:
    """False when the revision does not exist or a newer verdict on it is known."""
    cursor = await work.execute(
        """
        UPDATE content SET decision = %s, reason = %s, decision_revision = %s
        WHERE post_id = %s AND revision = %s AND decision_revision < %s
        """,
        (decision.value, reason, decision_revision, post_id, revision, decision_revision),
    )
    return cursor.rowcount == 1


async def put_media(work: Work, post_id: UUID, revision: int, readiness: Readiness, code: str | None) -> None:
    """Whether the media of a revision can be shown."""
    await work.execute(
        "UPDATE content SET media = %s, media_code = %s WHERE post_id = %s AND revision = %s",
        (readiness.value, code, post_id, revision),
    )


async def remove_contents(work: Work, post_id: UUID) -> None:
    """Forget what all revisions said; the post itself stays as a tombstone."""
    await work.execute("UPDATE content SET text = '', hashtags = '{}', media_ids = '{}' WHERE post_id = %s", (post_id,))


async def remove_old_contents(work: Work, post: Post) -> None:
    """Revisions that can never be shown again: older than the approved one."""
    await work.execute("DELETE FROM content WHERE post_id = %s AND revision < %s", (post.id, post.approved_revision))


async def find_using_media(work: Work, media_id: UUID) -> list[UUID]:
    """Posts of which some revision shows this medium, in the order in which they are to be locked."""
    rows = await work.all(
        "SELECT DISTINCT post_id FROM content WHERE media_ids @> ARRAY[%s]::uuid[] ORDER BY post_id", (media_id,)
    )
    return [row["post_id"] for row in rows]


async def read_of_author(
    work: Work, author_id: UUID, before: tuple[datetime, UUID] | None, limit: int, *, own: bool
) -> list[Post]:
    """A profile page, newest first: the author's own view has every post that was not removed."""
    if own:
        rows = await work.all(
            """
            SELECT * FROM post WHERE author_id = %(author)s AND state <> 'REMOVED'
              AND (%(time)s::timestamptz IS NULL OR (created_at, id) < (%(time)s, %(id)s::uuid))
            ORDER BY created_at DESC, id DESC LIMIT %(limit)s
            """,
            _page(author_id, before, limit),
        )
    else:
        rows = await work.all(
            """
            SELECT * FROM post WHERE author_id = %(author)s AND state = 'PUBLISHED'
              AND (%(time)s::timestamptz IS NULL OR (published_at, id) < (%(time)s, %(id)s::uuid))
            ORDER BY published_at DESC, id DESC LIMIT %(limit)s
            """,
            _page(author_id, before, limit),
        )
    return convert_all(rows, Post)


async def read_ids_of_author(work: Work, author_id: UUID, after: UUID | None, limit: int) -> list[UUID]:
    """All posts of a person in order of their ids; for erasure."""
    rows = await work.all(
        "SELECT id FROM post WHERE author_id = %s AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        (author_id, after, after, limit),
    )
    return [row["id"] for row in rows]


async def remove(work: Work, post_id: UUID) -> None:
    """The post with everything that hangs on it."""
    await work.execute("DELETE FROM post WHERE id = %s", (post_id,))


def _page(author_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> dict[str, Any]:
    time, post_id = before or (None, None)
    return {"author": author_id, "time": time, "id": post_id, "limit": limit}
