"""What interaction can make anew from topics."""

from collections.abc import Sequence

from daira_bus.projection import Gap, Projection, Restore, Source, Table, by_id
from daira_contracts.feed import PostChangedV1
from daira_contracts.interaction import UserEventRecordedV1
from daira_contracts.video import VideoChangedV1
from daira_interaction.repository import lengths
from daira_interaction.service import InteractionService
from daira_stores.work import Work


async def put_user_events(work: Work, interaction: InteractionService, events: Sequence[UserEventRecordedV1]) -> None:
    """As the live handler does, many at once."""
    await interaction.store(work, events)


async def compare_user_events(
    work: Work, interaction: InteractionService, events: Sequence[UserEventRecordedV1]
) -> Gap:
    """What is missing and what is other than it would be put there."""
    missing, differing = await interaction.compare(work, events)
    return Gap(missing=missing, differing=differing)


PROJECTIONS = (
    Projection(
        name="interaction.post",
        about="which videos a post shows, to bound what a client claims to have watched",
        sources=(Source(event_type=PostChangedV1, put=lengths.put_posts, remove=by_id(lengths.remove_posts)),),
        tables=(Table(name="post", key=("post_id",)),),
    ),
    Projection(
        name="interaction.video",
        about="how long videos are, to bound what a client claims to have watched",
        sources=(Source(event_type=VideoChangedV1, put=lengths.put_videos, remove=by_id(lengths.remove_videos)),),
        tables=(Table(name="video", key=("video_id",)),),
    ),
    Restore(
        name="interaction.events",
        about="people's own events of the last 90 days, in Cassandra",
        event_type=UserEventRecordedV1,
        put=put_user_events,
        compare=compare_user_events,
    ),
)
