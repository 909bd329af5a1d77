"""What video can make anew from topics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daira_bus.projection import Changes, Projection, Source, Table, by_id
from daira_contracts.feed import PostChangedV1
from daira_stores.work import Work
from daira_video.repository import shown
from daira_video.service.video import VideoService


@asynccontextmanager
async def replacing_narrowed(work: Work, video: VideoService, changes: Changes) -> AsyncIterator[None]:
    """Videos that fewer people may see than the live rows said get another URL, as after news of a post."""
    before = await video.audiences.audiences(work, {video_id for _, video_id in changes["shown"]})
    yield
    await video.audiences.replace_narrowed(work, before)


PROJECTIONS = (
    Projection(
        name="video.shown",
        about="which post shows which video to whom",
        sources=(Source(event_type=PostChangedV1, put=shown.put_posts, remove=by_id(shown.remove_posts)),),
        tables=(Table(name="shown", key=("post_id", "video_id"), marks="audience = 0"),),
        locks=("video", "shown"),
        react=replacing_narrowed,
    ),
)
