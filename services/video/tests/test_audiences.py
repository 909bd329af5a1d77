"""Who may watch a video, when several of its posts change at once."""

import asyncio
from uuid import UUID

from daira_audience import Audiences
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_kit.capabilities import new_capability
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_testing.waiting import eventually
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Video
from daira_video.repository import videos
from daira_video.repository.shown import SHOWN
from daira_video.service.urls import PlaybackUrls
from daira_web.cdn import Purging


def post(post_id: UUID, author_id: UUID, video_id: UUID, revision: int, state: PostState) -> PostChangedV1:
    return PostChangedV1(
        post_id=post_id,
        revision=revision,
        author_id=author_id,
        state=state,
        content_revision=1,
        text="مرحبا",
        media_ids=(video_id,),
        visibility=Visibility.PUBLIC,
        created_at=now(),
    )


async def test_two_posts_hidden_at_the_same_moment_change_the_url(video_database: Database) -> None:
    author, first, second = new_id(), new_id(), new_id()
    video = Video(
        id=new_id(),
        owner_id=author,
        storage_key="media/x",
        size_bytes=1,
        state=VideoState.UPLOADED,
        playback_id=new_capability(),
    )
    audiences = Audiences(PlaybackUrls(Purging()), SHOWN)

    async def hide(post_id: UUID) -> None:
        async with video_database.work() as work:
            await audiences.note_post(post(post_id, author, video.id, 2, PostState.REMOVED), work)

    async with video_database.work() as work:
        await videos.add(work, video)
        for post_id in (first, second):
            await audiences.note_post(post(post_id, author, video.id, 1, PostState.PUBLISHED), work)

    async with video_database.work() as work:
        await audiences.note_post(post(first, author, video.id, 2, PostState.REMOVED), work)
        other = asyncio.create_task(hide(second))
        await eventually(lambda: _is_over_or_waits(other, video_database))
    await other

    async with video_database.read() as work:
        after = await videos.find(work, video.id)
    assert after is not None
    assert after.playback_id != video.playback_id


async def _is_over_or_waits(task: "asyncio.Task[None]", database: Database) -> bool:
    async with database.read() as work:
        waits = await work.one(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    return task.done() or waits is not None
