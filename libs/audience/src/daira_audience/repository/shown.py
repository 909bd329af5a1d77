"""Rows of which post shows which upload to whom."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from daira_audience.domain import Audience, audience_of
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_stores.arrays import columns_of
from daira_stores.work import Work

_OF_POST = "SELECT {upload} AS upload_id, revision FROM shown WHERE post_id = %s"
# One row a post and upload; a post without any has one row without an upload, for it may have shown some before.
_PUT = """
WITH told AS (
    SELECT DISTINCT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::smallint[], %s::bigint[])
        AS told (post_id, {upload}, author_id, audience, revision)
    WHERE NOT EXISTS (SELECT FROM shown WHERE shown.post_id = told.post_id AND shown.revision >= told.revision)
        AND NOT EXISTS (SELECT FROM erased_person WHERE erased_person.id = told.author_id)
), hidden AS (
    UPDATE shown SET audience = 0, revision = newer.revision
    FROM (SELECT DISTINCT post_id, revision FROM told) AS newer WHERE shown.post_id = newer.post_id
        AND NOT EXISTS (SELECT FROM told WHERE told.post_id = shown.post_id AND told.{upload} = shown.{upload})
)
INSERT INTO shown (post_id, {upload}, author_id, audience, revision)
SELECT post_id, {upload}, author_id, audience, revision FROM told WHERE {upload} IS NOT NULL
ON CONFLICT (post_id, {upload}) DO UPDATE SET audience = excluded.audience, revision = excluded.revision
"""
_AUDIENCE = "SELECT coalesce(max(audience), 0) AS audience FROM shown WHERE {upload} = %s AND author_id = %s"
_REMOVE_POSTS = "DELETE FROM shown WHERE post_id = ANY(%s)"
_REMOVE_AUTHOR = "DELETE FROM shown WHERE author_id = %s"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An upload in a post, and the post's revision that said so."""

    upload_id: UUID
    revision: int


class ShownRows:
    """The table `shown` of a service."""

    def __init__(self, upload: str) -> None:
        """`upload` is the column that holds an upload's id: each service has its own word for it."""
        self.upload = upload
        self._of_post, self._put = _OF_POST.format(upload=upload), _PUT.format(upload=upload)
        self._audience = _AUDIENCE.format(upload=upload)

    async def of_post(self, work: Work, post_id: UUID) -> list[Shown]:
        """Everything a post shows or showed."""
        return [Shown(**row) for row in await work.all(self._of_post, (post_id,))]

    async def put_posts(self, work: Work, events: Sequence[PostChangedV1]) -> None:
        """Who sees which upload through these posts now, each at most once in `events`; late ones change nothing.

        An upload that a post no longer shows is kept as shown to nobody. Of an erased author nothing is kept.
        """
        rows = [
            (event.post_id, upload_id, event.author_id, _audience_of(event).value, event.revision)
            for event in events
            for upload_id in event.media_ids or (None,)
        ]
        await work.execute(self._put, columns_of(rows))

    async def audience(self, work: Work, upload_id: UUID, owner_id: UUID) -> Audience:
        """The widest circle that its owner's posts show it to."""
        row = await work.one(self._audience, (upload_id, owner_id))
        return Audience(row["audience"] if row else 0)

    async def remove_posts(self, work: Work, post_ids: Sequence[UUID]) -> None:
        """Forget posts."""
        await work.execute(_REMOVE_POSTS, (list(post_ids),))

    async def remove_author(self, work: Work, author_id: UUID) -> None:
        """Forget all posts of an erased person."""
        await work.execute(_REMOVE_AUTHOR, (author_id,))


def _audience_of(event: PostChangedV1) -> Audience:
    return audience_of(published=event.state is PostState.PUBLISHED, public=event.visibility is Visibility.PUBLIC)
