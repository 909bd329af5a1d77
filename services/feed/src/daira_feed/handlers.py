"""What feed does when something happens elsewhere; each runs in the transaction that also holds its inbox row."""

from uuid import UUID

from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1
from daira_contracts.moderation import VerdictReachedV1
from daira_contracts.user import ProfileChangedV1, RelationChangedV1, SettingsChangedV1
from daira_contracts.video import VideoChangedV1
from daira_feed.service import FeedService
from daira_stores.work import Work


async def apply_verdict(event: VerdictReachedV1, work: Work, feed: FeedService) -> None:
    """A post becomes visible, or never will."""
    await feed.judging.apply_verdict(work, event)


async def remember_asset(event: AssetChangedV1, work: Work, feed: FeedService) -> None:
    """Posts that wait for an upload go on."""
    await feed.medias.remember_asset(work, event)


async def forget_asset(key: str, work: Work, feed: FeedService) -> None:
    """Posts show what is left."""
    await feed.medias.forget_asset(work, UUID(key))


async def remember_video(event: VideoChangedV1, work: Work, feed: FeedService) -> None:
    """Posts that wait for a stream go on; cards get its new rungs."""
    await feed.medias.remember_video(work, event)


async def forget_video(key: str, work: Work, feed: FeedService) -> None:
    """Posts show what is left."""
    await feed.medias.forget_video(work, UUID(key))


async def remember_profile(event: ProfileChangedV1, work: Work, feed: FeedService) -> None:
    """Cards show the author's newest name."""
    await feed.people.remember_profile(work, event)


async def forget_profile(key: str, work: Work, feed: FeedService) -> None:
    """Cards show no name."""
    await feed.people.forget_profile(work, UUID(key))


async def remember_relation(event: RelationChangedV1, work: Work, feed: FeedService) -> None:
    """Circles gain or lose an author."""
    await feed.people.remember_relation(work, event)


async def forget_relation(key: str, work: Work, feed: FeedService) -> None:
    """As if the two had never met."""
    actor, _, target = key.partition(":")
    await feed.people.forget_relation(work, UUID(actor), UUID(target))


async def remember_settings(event: SettingsChangedV1, work: Work, feed: FeedService) -> None:
    """Feeds obey data saver."""
    await feed.people.remember_settings(work, event)


async def begin_erasure(event: UserErasedV1, work: Work, feed: FeedService) -> None:
    """Everything of this person goes."""
    await feed.erasure.begin(work, event)


SUBSCRIPTIONS = (
    on(VerdictReachedV1, apply_verdict),
    on(AssetChangedV1, remember_asset, tombstone=forget_asset),
    on(VideoChangedV1, remember_video, tombstone=forget_video),
    on(ProfileChangedV1, remember_profile, tombstone=forget_profile),
    on(RelationChangedV1, remember_relation, tombstone=forget_relation),
    on(SettingsChangedV1, remember_settings),
    on(UserErasedV1, begin_erasure),
)
