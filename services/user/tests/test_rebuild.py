"""User's projections are functions of their topics, in every way one can ask, and `daira rebuild` makes them again."""

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.projection import Kind, Step, Verifier, environ_of, own_topics, tell, verify_rebuild, verifying
from daira_user.settings import Settings
from daira_user.wiring import SERVICE

PEOPLE = [UUID(int=number) for number in range(1, 9)]
MEDIA = [UUID(int=number) for number in range(101, 117)]
BEGINNING = now()
ERASED = PEOPLE[3]


def asset(random: Random, media_id: UUID, revision: int) -> AssetChangedV1:
    ready = random.random() < 0.5
    return AssetChangedV1(
        media_id=media_id,
        owner_id=PEOPLE[media_id.int % len(PEOPLE)],
        revision=revision,
        kind=AssetKind.VIDEO if media_id == MEDIA[0] else AssetKind.AVATAR,
        state=AssetState.READY if ready else AssetState.FAILED,
        storage_key="media/x",
        content_type="image/webp",
        size_bytes=7,
        renditions=(Rendition(name="a", url=f"/media/{revision}", content_type="image/webp", width=400),)
        if ready
        else (),
    )


def erasure(_: Random, user_id: UUID, __: int) -> UserErasedV1:
    return UserErasedV1(user_id=user_id, erased_at=BEGINNING)


KINDS = (Kind(make=asset, keys=MEDIA),)


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
    common = common_settings(await make_database("user")) | object_settings
    return Settings(**common, redis_url=redis_url)


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(rebuilt: Settings) -> AsyncIterator[Verifier]:
    async with verifying(SERVICE, rebuilt) as verifier:
        yield verifier


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_projection_is_a_function_of_its_topics(verifier: Verifier, seed: int) -> None:
    live = await verifier.verify(story_of(seed))
    assert not any(str(ERASED) in row for rows in live.values() for row in rows)


async def test_rebuilt_tables_are_the_live_ones(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await verify_rebuild(verifier, story_of(4), topics)
