"""How long the video of a post is: two small projections."""

from collections.abc import Sequence
from uuid import UUID

from daira_stores.work import Work


async def put_post(work: Work, post_id: UUID, media_ids: Sequence[UUID], revision: int) -> None:
    """The newest revision wins."""
    await work.execute(
        """
        INSERT INTO post (post_id, media_ids, revision) VALUES (%s, %s, %s)
        ON CONFLICT (post_id) DO UPDATE SET media_ids = excluded.media_ids, revision = excluded.revision
        WHERE post.revision < excluded.revision
        """,
        (post_id, list(media_ids), revision),
    )


async def remove_post(work: Work, post_id: UUID) -> None:
    await work.execute("DELETE FROM post WHERE post_id = %s", (post_id,))


async def put_video(work: Work, video_id: UUID, duration_ms: int, revision: int) -> None:
    """The newest revision wins."""
    await work.execute(
        """
        INSERT INTO video (video_id, duration_ms, revision) VALUES (%s, %s, %s)
        ON CONFLICT (video_id) DO UPDATE SET duration_ms = excluded.duration_ms, revision = excluded.revision
        WHERE video.revision < excluded.revision
        """,
        (video_id, duration_ms, revision),
    )


async def remove_video(work: Work, video_id: UUID) -> None:
    await work.execute("DELETE FROM video WHERE video_id = %s", (video_id,))


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
