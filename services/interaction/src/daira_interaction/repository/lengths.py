"""How long the video of a post is: two small projections."""

from collections.abc import Sequence
from uuid import UUID

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.video import VideoChangedV1
from daira_stores.arrays import columns_of
from daira_stores.work import Work


async def put_posts(work: Work, events: Sequence[PostChangedV1]) -> None:
    """Which videos posts show, none once they are removed; each at most once in `events`, the newest revision wins."""
    await work.execute(
        """
        INSERT INTO post (post_id, media_ids, revision)
        SELECT post_id, media_ids::uuid[], revision FROM unnest(%s::uuid[], %s::text[], %s::bigint[])
            AS told (post_id, media_ids, revision)
        ON CONFLICT (post_id) DO UPDATE SET media_ids = excluded.media_ids, revision = excluded.revision
        WHERE post.revision < excluded.revision
        """,
        columns_of((event.post_id, _array_of(_shown(event)), event.revision) for event in events),
    )


async def remove_posts(work: Work, post_ids: Sequence[UUID]) -> None:
    """They left their topic."""
    await work.execute("DELETE FROM post WHERE post_id = ANY(%s)", (list(post_ids),))


async def put_videos(work: Work, events: Sequence[VideoChangedV1]) -> None:
    """Each at most once in `events`; the newest revision wins."""
    await work.execute(
        """
        INSERT INTO video (video_id, duration_ms, revision)
        SELECT * FROM unnest(%s::uuid[], %s::integer[], %s::bigint[]) AS told (video_id, duration_ms, revision)
        ON CONFLICT (video_id) DO UPDATE SET duration_ms = excluded.duration_ms, revision = excluded.revision
        WHERE video.revision < excluded.revision
        """,
        columns_of((event.video_id, event.duration_ms, event.revision) for event in events),
    )


async def remove_videos(work: Work, video_ids: Sequence[UUID]) -> None:
    """They left their topic."""
    await work.execute("DELETE FROM video WHERE video_id = ANY(%s)", (list(video_ids),))


async def find_lengths(work: Work, post_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Milliseconds of the longest video of each post; posts without a known one are absent."""
    rows = await work.all(
        """
        SELECT post.post_id, max(video.duration_ms) AS duration_ms
        FROM post JOIN video ON video.video_id = ANY (post.media_ids)
        WHERE post.post_id = ANY (%s) AND video.duration_ms > 0
        GROUP BY post.post_id
        """,
        (list(post_ids),),
    )
    return {row["post_id"]: row["duration_ms"] for row in rows}


def _shown(event: PostChangedV1) -> Sequence[UUID]:
    return () if event.state is PostState.REMOVED else event.media_ids


def _array_of(ids: Sequence[UUID]) -> str:
    # Arrays of different lengths have no place in an array of PostgreSQL's; their texts have.
    return f"{{{','.join(map(str, ids))}}}"
