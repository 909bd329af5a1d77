"""Feed's projections are functions of their topics, in every way one can ask, and `daira rebuild` makes them again."""

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_contracts.user import (
    DataSaver,
    FollowState,
    ProfileChangedV1,
    ProfileState,
    RelationChangedV1,
    SettingsChangedV1,
)
from daira_contracts.video import VideoChangedV1, VideoState
from daira_devtools.stack import Endpoints
from daira_feed.service import FeedService
from daira_feed.settings import Settings
from daira_feed.wiring import SERVICE
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.projection import (
    Kind,
    Step,
    Topics,
    Verifier,
    environ_of,
    own_topics,
    tell,
    verify_rebuild,
    verifying,
)

PEOPLE = [UUID(int=number) for number in range(1, 9)]
PAIRS = [(actor, target) for actor in PEOPLE[:4] for target in PEOPLE[2:7] if actor != target]
MEDIA = [UUID(int=number) for number in range(101, 107)]
BEGINNING = now()
ERASED = PEOPLE[3]


def profile(random: Random, user_id: UUID, revision: int) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        state=random.choice([ProfileState.ACTIVE, ProfileState.ACTIVE, ProfileState.REMOVED]),
        handle=f"h{user_id.int}_{revision}",
        display_name=f"سلمى {revision}",
        avatar_url=random.choice([None, "/media/a/x.webp"]),
        is_private=random.random() < 0.3,
        created_at=BEGINNING,
    )


def relation(random: Random, pair: tuple[UUID, UUID], revision: int) -> RelationChangedV1:
    actor, target = pair
    return RelationChangedV1(
        actor_id=actor,
        target_id=target,
        revision=revision,
        follow=random.choice([FollowState.FOLLOWING, FollowState.FOLLOWING, FollowState.NONE, FollowState.REQUESTED]),
        blocks=random.random() < 0.2,
        mutes=random.random() < 0.2,
    )


def setting(random: Random, user_id: UUID, revision: int) -> SettingsChangedV1:
    saver = random.choice([DataSaver.ALWAYS, DataSaver.NEVER, DataSaver.CELLULAR])
    return SettingsChangedV1(user_id=user_id, revision=revision, data_saver=saver)


def asset(random: Random, media_id: UUID, revision: int) -> AssetChangedV1:
    return AssetChangedV1(
        media_id=media_id,
        owner_id=owner_of(media_id),
        revision=revision,
        kind=AssetKind.IMAGE,
        state=random.choice([AssetState.UPLOADED, AssetState.PROCESSING, AssetState.READY]),
        storage_key="media/x",
        content_type="image/webp",
        size_bytes=7,
        blurhash=random.choice([None, "L00000"]),
    )


def video(random: Random, video_id: UUID, revision: int) -> VideoChangedV1:
    return VideoChangedV1(
        video_id=video_id,
        owner_id=owner_of(video_id),
        revision=revision,
        state=random.choice([VideoState.PLAYABLE, VideoState.READY, VideoState.FAILED]),
        hls_url=f"/v/{revision}.m3u8",
        duration_ms=random.randrange(60_000),
    )


def erasure(_: Random, user_id: UUID, __: int) -> UserErasedV1:
    return UserErasedV1(user_id=user_id, erased_at=BEGINNING)


def owner_of(media_id: UUID) -> UUID:
    return PEOPLE[media_id.int % len(PEOPLE)]


KINDS = (
    Kind(make=profile, keys=PEOPLE),
    Kind(make=relation, keys=PAIRS),
    Kind(make=relation, keys=PAIRS),
    Kind(make=setting, keys=PEOPLE, removable=False),
    Kind(make=asset, keys=MEDIA),
    Kind(make=video, keys=MEDIA),
)


def story_of(seed: int) -> list[Step]:
    story = tell(KINDS, seed=seed)
    story.insert(len(story) // 2, erasure(Random(), ERASED, 1))
    return story


async def finish_erasures(feed: FeedService, database: Database) -> None:
    async with database.read() as work:
        erased = [row["user_id"] for row in await work.all("SELECT user_id FROM erased")]
    for user_id in erased:
        await feed.erasure.erase(user_id)


@pytest_asyncio.fixture(loop_scope="session")
async def topics(stack: Endpoints) -> AsyncIterator[Topics]:
    async with own_topics(stack.kafka_bootstrap) as topics:
        yield topics


@pytest_asyncio.fixture(loop_scope="session")
async def settings(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    redis_url: str,
) -> Settings:
    common = common_settings(await make_database("feed")) | object_settings
    return Settings(**common, redis_url=redis_url, celebrity_followers=3)


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(settings: Settings) -> AsyncIterator[Verifier]:
    async with verifying(SERVICE, settings, finish_erasures) as verifier:
        yield verifier


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_projection_is_a_function_of_its_topics(verifier: Verifier, seed: int) -> None:
    live = await verifier.verify(story_of(seed))
    assert not any(str(ERASED) in row for rows in live.values() for row in rows)


async def test_rebuilt_tables_are_the_live_ones(
    verifier: Verifier, settings: Settings, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, settings).items():
        monkeypatch.setenv(name, value)

    await verify_rebuild(verifier, story_of(4), topics)
