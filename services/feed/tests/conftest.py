"""Fixtures of feed's tests."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

sys.path.insert(0, str(Path(__file__).parent))

from daira_feed_testing import FeedProcess, open_feed

MakeSettings = Callable[..., dict[str, Any]]


@pytest_asyncio.fixture(loop_scope="session")
async def feed(
    make_database: MakeDatabase,
    common_settings: MakeSettings,
    redis_url: str,
    mint: TokenMint,
    probe: TopicProbe,
) -> AsyncIterator[FeedProcess]:
    """A whole feed process (all roles) on stores of this test's own."""
    database = await make_database("feed")
    async with open_feed(common_settings(database), redis_url, mint, probe) as process:
        yield process
