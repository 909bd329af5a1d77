"""What a service with URLs can make anew from topics."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from daira_audience.handlers import Service
from daira_audience.repository import people
from daira_audience.repository.shown import ShownRows
from daira_bus.projection import Changes, Projection, Source, Table, by_id
from daira_contracts.feed import PostChangedV1
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_stores.work import Work


@asynccontextmanager
async def renewing_narrowed(work: Work, service: Service, changes: Changes) -> AsyncIterator[None]:
    """Uploads that fewer people may see than the live rows said get other URLs, as after news of a post."""
    before = await service.audiences.seen(work, {upload_id for _, upload_id in changes["shown"]})
    yield
    await service.audiences.renew_narrowed(work, before)


async def put_accounts(work: Work, events: Sequence[ProfileChangedV1]) -> None:
    """Of a removed profile nothing is kept."""
    gone = [event.user_id for event in events if event.state is ProfileState.REMOVED]
    await people.remove_accounts(work, gone)
    kept = [event for event in events if event.state is not ProfileState.REMOVED]
    await people.put_accounts(work, [(event.user_id, event.is_private, event.revision) for event in kept])


async def put_followers(work: Work, events: Sequence[RelationChangedV1]) -> None:
    """Those who follow are kept."""
    follows = [event for event in events if event.follow is FollowState.FOLLOWING]
    others = [event for event in events if event.follow is not FollowState.FOLLOWING]
    await people.remove_followers(work, [(event.target_id, event.actor_id, event.revision) for event in others])
    await people.put_followers(work, [(event.target_id, event.actor_id, event.revision) for event in follows])


async def remove_followers(work: Work, keys: Sequence[str]) -> None:
    """Keys are actor and target."""
    pairs = [key.partition(":") for key in keys]
    await people.remove_followers(work, [(UUID(target), UUID(actor), people.ALWAYS) for actor, _, target in pairs])


@asynccontextmanager
async def heeding_private(work: Work, service: Service, changes: Changes) -> AsyncIterator[None]:
    """As after news of accounts that turned private."""
    accounts = [user_id for (user_id,) in changes["account"]]
    before = await people.find_private(work, accounts)
    yield
    await service.circles.turn_private(work, await people.find_private(work, accounts) - before)


@asynccontextmanager
async def heeding_losses(work: Work, service: Service, changes: Changes) -> AsyncIterator[None]:
    """As after news of people who follow no longer."""
    pairs = [(author, follower) for author, follower in changes["follower"]]
    before = await people.find_following(work, pairs)
    yield
    lost = before - await people.find_following(work, pairs)
    await service.circles.lose_followers(work, {author for author, _ in lost})


def projections_of(service: str, shown: ShownRows, *, uploads: str) -> tuple[Projection, ...]:
    """`<service>.shown`, `.account` and `.follower`; `uploads` is the table whose rows `Urls.lock` locks."""
    return (
        Projection(
            name=f"{service}.shown",
            about="which post shows which upload to whom",
            sources=(Source(event_type=PostChangedV1, put=shown.put_posts, remove=by_id(shown.remove_posts)),),
            tables=(Table(name="shown", key=("post_id", shown.upload), marks="audience = 0"),),
            locks=(uploads, "shown"),
            react=renewing_narrowed,
        ),
        Projection(
            name=f"{service}.account",
            about="whose account is private",
            sources=(Source(event_type=ProfileChangedV1, put=put_accounts, remove=by_id(people.remove_accounts)),),
            tables=(Table(name="account", key=("id",)),),
            react=heeding_private,
        ),
        Projection(
            name=f"{service}.follower",
            about="who follows whom, to see who lost sight of a person's uploads",
            sources=(Source(event_type=RelationChangedV1, put=put_followers, remove=remove_followers),),
            tables=(Table(name="follower", key=("author_id", "follower_id")),),
            react=heeding_losses,
        ),
    )
