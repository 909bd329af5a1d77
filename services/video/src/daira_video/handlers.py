"""What video does when something happens elsewhere."""

from uuid import UUID

from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1
from daira_contracts.media import AssetChangedV1
from daira_contracts.user import ProfileChangedV1, RelationChangedV1
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


async def follow_post(event: PostChangedV1, work: Work, video: VideoService) -> None:
    """A narrower audience means another URL."""
    await video.audiences.note_post(event, work)


async def forget_post(key: str, work: Work, video: VideoService) -> None:
    """A post that is gone shows nothing to anybody."""
    await video.audiences.forget_post(UUID(key), work)


async def follow_account(event: ProfileChangedV1, work: Work, video: VideoService) -> None:
    """An account that turns private means other URLs."""
    await video.circles.note_profile(event, work)


async def forget_account(key: str, work: Work, video: VideoService) -> None:
    """A profile that is gone says nothing any more."""
    await video.circles.forget_profile(UUID(key), work)


async def follow_relation(event: RelationChangedV1, work: Work, video: VideoService) -> None:
    """A follower who left means other URLs for what followers see."""
    await video.circles.note_relation(event, work)


async def forget_relation(key: str, work: Work, video: VideoService) -> None:
    """Nothing is left between the two."""
    actor, _, target = key.partition(":")
    await video.circles.forget_relation(UUID(actor), UUID(target), work)


SUBSCRIPTIONS = (
    on(AssetChangedV1, take_in_upload, tombstone=withdraw_upload),
    on(PostChangedV1, follow_post, tombstone=forget_post),
    on(ProfileChangedV1, follow_account, tombstone=forget_account),
    on(RelationChangedV1, follow_relation, tombstone=forget_relation),
    on(UserErasedV1, erase_person),
)
