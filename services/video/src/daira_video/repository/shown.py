"""Rows of which post shows which video to whom."""

from uuid import UUID

import msgspec

from daira_contracts.feed import PostChangedV1
from daira_stores.work import Work
from daira_video.domain.audience import Audience

_OF_POST = "SELECT video_id, revision FROM shown WHERE post_id = %s"
_PUT = """
INSERT INTO shown (post_id, video_id, author_id, audience, revision) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (post_id, video_id) DO UPDATE SET audience = excluded.audience, revision = excluded.revision
"""
_AUDIENCE = """
SELECT coalesce(max(audience), 0) AS audience FROM shown
JOIN video ON video.id = shown.video_id AND video.owner_id = shown.author_id
WHERE shown.video_id = %s
"""
_REMOVE_POST = "DELETE FROM shown WHERE post_id = %s"
_REMOVE_AUTHOR = "DELETE FROM shown WHERE author_id = %s"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A video in a post, and the post's revision that said so."""

    video_id: UUID
    revision: int


async def of_post(work: Work, post_id: UUID) -> list[Shown]:
    """Everything a post shows or showed."""
    return [Shown(**row) for row in await work.all(_OF_POST, (post_id,))]


async def put(work: Work, event: PostChangedV1, video_id: UUID, audience: Audience) -> None:
    """Who sees a video through this post now."""
    await work.execute(_PUT, (event.post_id, video_id, event.author_id, audience.value, event.revision))


async def audience(work: Work, video_id: UUID) -> Audience:
    """The widest circle that its owner's posts show it to."""
    row = await work.one(_AUDIENCE, (video_id,))
    return Audience(row["audience"] if row else 0)


async def remove_post(work: Work, post_id: UUID) -> None:
    """Forget a post."""
    await work.execute(_REMOVE_POST, (post_id,))


async def remove_author(work: Work, author_id: UUID) -> None:
    """Forget all posts of an erased person."""
    await work.execute(_REMOVE_AUTHOR, (author_id,))
