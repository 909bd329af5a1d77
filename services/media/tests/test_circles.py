"""URLs of pictures that somebody knows who may not see them any more: accounts turn private, followers leave."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from daira_audience.circles import RENEW_URLS, Circles
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.media import AssetChangedV1
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_kit.capabilities import new_capability
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_media.domain.assets import Asset, AssetState, Rendition, linked
from daira_media.domain.purposes import Purpose
from daira_media.repository import assets
from daira_media.repository.shown import SHOWN
from daira_media.service.urls import AssetUrls
from daira_stores.postgres import Database
from daira_testing.waiting import eventually
from daira_web.cdn import Purging

FORM = Rendition(name="160.webp", url="", content_type="image/webp", width=160, height=120, size_bytes=3)


def profile(user_id: UUID, revision: int, *, is_private: bool) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        is_private=is_private,
        state=ProfileState.ACTIVE,
        handle="h",
        display_name="n",
        created_at=now(),
    )


def relation(follower: UUID, author: UUID, revision: int, follow: FollowState) -> RelationChangedV1:
    return RelationChangedV1(actor_id=follower, target_id=author, revision=revision, follow=follow)


async def put(database: Database, owner: UUID, kind: Purpose = Purpose.IMAGE) -> Asset:
    """An asset that is ready as far as rows say."""
    asset = Asset(
        id=new_id(),
        owner_id=owner,
        kind=kind,
        state=AssetState.UPLOADED if kind is Purpose.VIDEO else AssetState.READY,
        storage_key="media/x",
        content_type="image/png",
        size_bytes=1,
        capability=new_capability(),
    )
    asset = replace(asset, renditions=linked(asset, (FORM,)))
    async with database.work() as work:
        await assets.put(work, asset)
    return asset


async def capability_of(database: Database, asset: Asset) -> str:
    async with database.read() as work:
        found = await assets.find(work, asset.id)
    assert found is not None
    return found.capability


async def count(database: Database, what: str) -> int:
    async with database.read() as work:
        row = await work.one(f"SELECT count(*) AS n FROM {what}")
    assert row is not None
    return int(row["n"])


@pytest.fixture
async def database(make_database: Any) -> Database:
    made: Database = await make_database("media")
    return made


@pytest.fixture
def circles(database: Database) -> Circles[Asset]:
    """Without a bus: events are handed over, the job is run by the test."""
    return Circles(database, AssetUrls(Purging()), settle_seconds=0)


async def hear(database: Database, circles: Circles[Asset], *events: ProfileChangedV1 | RelationChangedV1) -> None:
    for event in events:
        async with database.work() as work:
            if isinstance(event, ProfileChangedV1):
                await circles.note_profile(event, work)
            else:
                await circles.note_relation(event, work)


async def test_when_an_account_turns_private_strangers_lose_its_pictures(running: Any, probe: Any) -> None:
    picture = await put(running.database, running.person)
    await probe.publish(profile(running.person, 1, is_private=False), profile(running.person, 2, is_private=True))

    told = await probe.wait_for(AssetChangedV1, lambda event: event.media_id == picture.id and event.revision == 2)

    assert told.renditions[0].url == f"/media/images/{await capability_of(running.database, picture)}/160.webp"
    assert told.renditions[0].url != picture.renditions[0].url

    async def gone() -> bool:
        return int((await running.http.get(picture.renditions[0].url)).status_code) == 404

    await eventually(gone)


async def test_a_follower_who_leaves_a_private_account_loses_pictures_and_voices_but_avatars_stay(
    database: Database, circles: Circles[Asset]
) -> None:
    author, follower = new_id(), new_id()
    await hear(
        database, circles, profile(author, 1, is_private=True), relation(follower, author, 1, FollowState.FOLLOWING)
    )
    await circles.renew_urls(author)
    kinds = [await put(database, author, kind) for kind in Purpose]

    await hear(database, circles, relation(follower, author, 2, FollowState.NONE))
    assert await count(database, f"job WHERE kind = '{RENEW_URLS}' AND key = '{author}'") == 1
    await circles.renew_urls(author)

    changed = {one.kind for one in kinds if await capability_of(database, one) != one.capability}
    assert changed == {Purpose.IMAGE, Purpose.VOICE}
    assert await count(database, "narrowing") == 0


async def test_what_strangers_may_see_keeps_its_url_when_a_follower_leaves(
    database: Database, circles: Circles[Asset]
) -> None:
    author, follower = new_id(), new_id()
    public, limited = await put(database, author), await put(database, author)
    async with database.work() as work:
        for asset, visibility in ((public, Visibility.PUBLIC), (limited, Visibility.FOLLOWERS)):
            told = PostChangedV1(
                post_id=new_id(),
                revision=1,
                author_id=author,
                state=PostState.PUBLISHED,
                content_revision=1,
                text="x",
                media_ids=(asset.id,),
                visibility=visibility,
                created_at=now(),
            )
            await SHOWN.put_posts(work, [told])

    await hear(
        database,
        circles,
        profile(author, 1, is_private=False),
        relation(follower, author, 1, FollowState.FOLLOWING),
        relation(follower, author, 2, FollowState.NONE),
    )
    await circles.renew_urls(author)

    assert await capability_of(database, public) == public.capability
    assert await capability_of(database, limited) != limited.capability


async def test_what_the_job_has_not_reached_in_time_is_refused(database: Database, circles: Circles[Asset]) -> None:
    author = new_id()
    old = await put(database, author)
    await hear(database, circles, profile(author, 1, is_private=True))
    new = await put(database, author)

    async def found(asset: Asset, limit_seconds: float) -> bool:
        async with database.read() as work:
            return await assets.find_ready(work, asset.capability, limit_seconds=limit_seconds) is not None

    assert await found(old, 3600)
    assert not await found(old, 0)
    assert await found(new, 0)


async def test_strangers_and_late_news_change_nothing(database: Database, circles: Circles[Asset]) -> None:
    author, stranger, follower = new_id(), new_id(), new_id()
    await put(database, author)
    await hear(
        database,
        circles,
        relation(stranger, author, 1, FollowState.REQUESTED),
        relation(stranger, author, 2, FollowState.NONE),
        relation(follower, author, 2, FollowState.FOLLOWING),
        relation(follower, author, 1, FollowState.NONE),
    )
    async with database.work() as work:
        await circles.forget_relation(stranger, author, work)

    assert await count(database, "narrowing") == 0
    assert await count(database, "job") == 0


async def test_of_an_erased_person_nothing_is_kept_nor_taken_in_again(running: Any) -> None:
    person, other = running.person, new_id()
    news = (
        profile(person, 1, is_private=True),
        relation(other, person, 1, FollowState.FOLLOWING),
        relation(person, other, 1, FollowState.FOLLOWING),
    )
    await hear(running.database, running.media.circles, *news)
    async with running.database.work() as work:
        await running.media.assets.erase_person(UserErasedV1(user_id=person, erased_at=now()), work)
    await hear(running.database, running.media.circles, *news)

    for where in (
        f"account WHERE id = '{person}'",
        f"follower WHERE '{person}' IN (author_id, follower_id)",
        f"narrowing WHERE author_id = '{person}'",
    ):
        assert await count(running.database, where) == 0, where
