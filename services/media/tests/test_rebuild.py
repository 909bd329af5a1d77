"""Media's projections are functions of their topics, in every way one can ask, and `daira rebuild` makes them again."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from daira_contracts.video import ProgressReportedV1
from daira_devtools.stack import Endpoints
from daira_media.settings import Settings
from daira_media.wiring import SERVICE
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.projection import Kind, Verifier, environ_of, own_topics, verify_rebuild, verifying
from daira_testing.stories import (
    BEGINNING,
    ERASED,
    MEDIA,
    PAIRS,
    PEOPLE,
    POSTS,
    owner_of,
    post,
    profile,
    relation,
    video,
    with_an_erasure,
)


def progress(random: Random, video_id: UUID, number: int) -> ProgressReportedV1:
    return ProgressReportedV1(
        video_id=video_id,
        owner_id=owner_of(video_id),
        percent=random.randrange(100),
        stage="360p",
        occurred_at=BEGINNING + timedelta(seconds=number),
    )


KINDS = (
    Kind(make=video, keys=MEDIA),
    Kind(make=progress, keys=MEDIA, removable=False),
    Kind(make=post, keys=POSTS),
    Kind(make=profile, keys=PEOPLE),
    Kind(make=relation, keys=PAIRS),
)


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
    live = await verifier.verify(with_an_erasure(KINDS, seed=seed), late=False)
    assert not any(str(ERASED) in row for rows in live.values() for row in rows)


async def test_rebuilt_tables_are_the_live_ones(
    verifier: Verifier, rebuilt: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, rebuilt).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await verify_rebuild(verifier, with_an_erasure(KINDS, seed=4), topics)
