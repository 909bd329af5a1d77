"""What feed can make anew: its tables from their topics, and Redis from its tables."""

from collections.abc import Sequence
from uuid import UUID

from daira_bus.projection import Changes, Page, Projection, Refill, Source, Table, afterwards, by_id
from daira_contracts.media import AssetChangedV1
from daira_contracts.user import ProfileChangedV1, RelationChangedV1, SettingsChangedV1
from daira_contracts.video import VideoChangedV1
from daira_feed.repository import audience, media, people
from daira_feed.service import FeedService
from daira_feed.service.medias import RECHECK
from daira_feed.service.people import AUTHOR_CARD, READER_STATE
from daira_stores.work import Work


async def clear_relations(work: Work, keys: Sequence[str]) -> None:
    """Pairs are keyed by both ids."""
    pairs = [key.partition(":") for key in keys]
    await people.clear_relations(work, [(UUID(actor), UUID(target)) for actor, _, target in pairs])


async def renew_author_cards(work: Work, _: FeedService, changes: Changes) -> None:
    """As after news of a profile."""
    await work.enqueue_many(AUTHOR_CARD, [str(user_id) for (user_id,) in changes["profile"]])


async def renew_ties(work: Work, feed: FeedService, changes: Changes) -> None:
    """As after news of two people; counts that were wrong may also mean another way for an author's posts."""
    await feed.people.tie_all(work, [(actor, target) for actor, target in changes["relation"]])
    await feed.people.recount(
        work, readers=[user_id for (user_id,) in changes["reader"]], authors=[one for (one,) in changes["author"]]
    )


async def renew_reader_states(work: Work, _: FeedService, changes: Changes) -> None:
    """As after news of settings."""
    await work.enqueue_many(READER_STATE, [str(user_id) for (user_id,) in changes["reader"]])


async def recheck_assets(work: Work, _: FeedService, changes: Changes) -> None:
    """Posts that show them are judged again."""
    await work.enqueue_many(RECHECK, [str(media_id) for (media_id,) in changes["asset"]])


async def recheck_videos(work: Work, _: FeedService, changes: Changes) -> None:
    """Posts that show them are judged again."""
    await work.enqueue_many(RECHECK, [str(video_id) for (video_id,) in changes["video"]])


async def fill_circles(feed: FeedService, after: str | None, dry: bool) -> Page:
    """A page of the readers whose Circles are kept."""
    return await feed.refilling.circles(after, dry=dry)


async def fill_cards(feed: FeedService, after: str | None, dry: bool) -> Page:
    """A page of posts."""
    return await feed.refilling.cards(after, dry=dry)


async def fill_authors(feed: FeedService, after: str | None, dry: bool) -> Page:
    """A page of people."""
    return await feed.refilling.authors(after, dry=dry)


async def count_circles(feed: FeedService) -> int:
    """Readers whose Circles are kept."""
    return await feed.refilling.count_readers()


async def count_cards(feed: FeedService) -> int:
    """Posts that were ever visible."""
    return await feed.refilling.count_posts()


async def count_authors(feed: FeedService) -> int:
    """People with a profile."""
    return await feed.refilling.count_profiles()


GONE = "state = 'REMOVED' AND shape = '{}'"

PROJECTIONS = (
    Projection(
        name="feed.profile",
        about="names and pictures on cards, and whose account is private",
        sources=(Source(event_type=ProfileChangedV1, put=people.put_profiles, remove=by_id(people.remove_profiles)),),
        tables=(Table(name="profile", key=("user_id",)),),
        react=afterwards(renew_author_cards),
    ),
    Projection(
        name="feed.relation",
        about="who follows, blocks and mutes whom, and the counts of followers",
        sources=(Source(event_type=RelationChangedV1, put=people.put_relations, remove=clear_relations),),
        tables=(
            Table(name="relation", key=("actor_id", "target_id"), marks="NOT (follows OR blocks OR mutes)"),
            Table(name="reader", key=("user_id",), columns=("following",)),
            Table(name="author", key=("user_id",), columns=("followers",)),
        ),
        locks=("relation",),
        derive=audience.count_follows,
        react=afterwards(renew_ties),
    ),
    Projection(
        name="feed.settings",
        about="who saves mobile data",
        sources=(Source(event_type=SettingsChangedV1, put=audience.put_settings),),
        tables=(Table(name="reader", key=("user_id",), columns=("data_saver", "settings_revision")),),
        react=afterwards(renew_reader_states),
    ),
    Projection(
        name="feed.asset",
        about="images and voice notes as posts show them",
        sources=(Source(event_type=AssetChangedV1, put=media.put_assets, remove=by_id(media.set_assets_gone)),),
        tables=(Table(name="asset", key=("media_id",), marks=GONE),),
        react=afterwards(recheck_assets),
    ),
    Projection(
        name="feed.video",
        about="videos as posts show them",
        sources=(Source(event_type=VideoChangedV1, put=media.put_videos, remove=by_id(media.set_videos_gone)),),
        tables=(Table(name="video", key=("video_id",), marks=GONE),),
        react=afterwards(recheck_videos),
    ),
    Refill(name="feed.circle", about="the Circles of active readers, in Redis", step=fill_circles, count=count_circles),
    Refill(name="feed.cards", about="ready JSON of posts, in Redis", step=fill_cards, count=count_cards),
    Refill(name="feed.authors", about="ready JSON of authors, in Redis", step=fill_authors, count=count_authors),
)
