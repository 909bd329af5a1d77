"""What video does when something happens elsewhere."""

from uuid import UUID

import daira_audience as audience
from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1
from daira_stores.work import Work
from daira_video.service.video import VideoService


async def take_in_upload(event: AssetChangedV1, work: Work, video: VideoService) -> None:
    """A finished video upload waits for a transcode; a removed one is withdrawn."""
    await video.videos.note_asset(event, work)


async def withdraw_upload(key: str, work: Work, video: VideoService) -> None:
    """The upload is gone, and with it the stream."""
    await video.videos.remove(UUID(key), work)


async def erase_person(event: UserErasedV1, work: Work, video: VideoService) -> None:
    """Rows, topic keys and bytes of this person go."""
    await video.videos.erase_person(event, work)


SUBSCRIPTIONS = (
    on(AssetChangedV1, take_in_upload, tombstone=withdraw_upload),
    *audience.SUBSCRIPTIONS,
    on(UserErasedV1, erase_person),
)
