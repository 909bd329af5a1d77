"""What interaction does when something happened, its own events included."""

from collections.abc import Sequence
from uuid import UUID

from daira_bus.subscription import on, on_batch
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1
from daira_contracts.interaction import UserEventRecordedV1
from daira_contracts.video import VideoChangedV1
from daira_interaction.service import InteractionService
from daira_stores.work import Work


async def store_user_events(events: Sequence[UserEventRecordedV1], work: Work, interaction: InteractionService) -> None:
    """A confirmed event can be exported."""
    await interaction.store(work, events)


async def erase_events(event: UserErasedV1, work: Work, interaction: InteractionService) -> None:
    """Nothing of an erased person is kept or comes back."""
    await interaction.erase(work, event)


async def remember_post(event: PostChangedV1, work: Work, interaction: InteractionService) -> None:
    """A watch is bounded by the video that the post shows."""
    await interaction.remember_post(work, event)


async def forget_post(post_id: str, work: Work, interaction: InteractionService) -> None:
    """The post left its topic."""
    await interaction.forget_post(work, UUID(post_id))


async def remember_video(event: VideoChangedV1, work: Work, interaction: InteractionService) -> None:
    """A watch is bounded by the length of the video."""
    await interaction.remember_video(work, event)


async def forget_video(video_id: str, work: Work, interaction: InteractionService) -> None:
    """The video left its topic."""
    await interaction.forget_video(work, UUID(video_id))


SUBSCRIPTIONS = (
    on_batch(UserEventRecordedV1, store_user_events),
    on(UserErasedV1, erase_events),
    on(PostChangedV1, remember_post, tombstone=forget_post),
    on(VideoChangedV1, remember_video, tombstone=forget_video),
)
