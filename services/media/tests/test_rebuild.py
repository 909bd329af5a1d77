"""Media's projections are functions of their topics, in every way one can ask, and `daira rebuild` makes them again."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_contracts.video import ProgressReportedV1, VideoChangedV1, VideoState
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_media.settings import Settings
from daira_media.wiring import SERVICE
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.projection import Kind, Step, Verifier, environ_of, own_topics, tell, verify_rebuild, verifying

PEOPLE = [UUID(int=number) for number in range(1, 9)]
MEDIA = [UUID(int=number) for number in range(101, 107)]
POSTS = [UUID(int=number) for number in range(201, 211)]
PAIRS = [(actor, target) for actor in PEOPLE[:4] for target in PEOPLE[2:7] if actor != target]
BEGINNING = now()
ERASED = PEOPLE[3]


def post(random: Random, post_id: UUID, revision: int) -> PostChangedV1:
    return PostChangedV1(
        post_id=post_id,
        author_id=PEOPLE[post_id.int % len(PEOPLE)],
        revision=revision,
        state=random.choice([PostState.PUBLISHED, PostState.PUBLISHED, PostState.PROCESSING, PostState.REMOVED]),
        content_revision=revision,
        text="مساء الخير",
        media_ids=tuple(random.sample(MEDIA, random.randrange(3))),
        visibility=random.choice([Visibility.PUBLIC, Visibility.FOLLOWERS]),
        created_at=BEGINNING,
    )


def profile(random: Random, user_id: UUID, revision: int) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        state=random.choice([ProfileState.ACTIVE, ProfileState.ACTIVE, ProfileState.REMOVED]),
        handle=f"h{user_id.int}",
        display_name=f"سلمى {revision}",
        is_private=random.random() < 0.4,
        created_at=BEGINNING,
    )


def relation(random: Random, pair: tuple[UUID, UUID], revision: int) -> RelationChangedV1:
    actor, target = pair
    follow = random.choice([FollowState.FOLLOWING, FollowState.FOLLOWING, FollowState.NONE])
    return RelationChangedV1(actor_id=actor, target_id=target, revision=revision, follow=follow)


def video(random: Random, video_id: UUID, revision: int) -> VideoChangedV1:
    return VideoChangedV1(
        video_id=video_id,
        owner_id=PEOPLE[video_id.int % len(PEOPLE)],
        revision=revision,
        state=random.choice([VideoState.PLAYABLE, VideoState.READY, VideoState.FAILED]),
        hls_url=f"/v/{revision}.m3u8",
        duration_ms=random.randrange(60_000),
    )


def progress(random: Random, video_id: UUID, number: int) -> ProgressReportedV1:
    return ProgressReportedV1(
        video_id=video_id,
        owner_id=PEOPLE[video_id.int % len(PEOPLE)],
        percent=random.randrange(100),
        stage="360p",
        occurred_at=BEGINNING + timedelta(seconds=number),
    )


def erasure(_: Random, user_id: UUID, __: int) -> UserErasedV1:
    return UserErasedV1(user_id=user_id, erased_at=BEGINNING)


KINDS = (
    Kind(make=video, keys=MEDIA),
    Kind(make=progress, keys=MEDIA, removable=False),
    Kind(make=post, keys=POSTS),
    Kind(make=profile, keys=PEOPLE),
    Kind(make=relation, keys=PAIRS),
)


def story_of(seed: int) -> list[Step]:
    story = tell(KINDS, seed=seed)
    story.insert(len(story) // 2, erasure(Random(), ERASED, 1))
    return story


@pytest_asyncio.fixture(loop_scope="session")
async def rebuilt(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    redis_url: str,
) -> Settings:
    common = common_settings(await make_database("media")) | object_settings
    return Settings(**common, redis_url=redis_url)


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(rebuilt: Settings) -> AsyncIterator[Verifier]:
    async with verifying(SERVICE, rebuilt) as verifier:
        yield verifier


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_projection_is_a_function_of_its_topics(verifier: Verifier, seed: int) -> None:
    # A follow that ended, an account that was removed and a post without uploads have no row that could be newer.
    live = await verifier.verify(story_of(seed), late=False)
    assert not any(str(ERASED) in row for rows in live.values() for row in rows)


async def test_rebuilt_tables_are_the_live_ones(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await verify_rebuild(verifier, story_of(4), topics)
