"""Moderation as one process on the running stores."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest_asyncio

from daira_moderation.settings import Settings
from daira_moderation.wiring import build
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.tokens import TokenMint


@pytest_asyncio.fixture(loop_scope="session")
async def settings(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    redis_url: str,
) -> Settings:
    common = common_settings(await make_database("moderation")) | object_settings
    return Settings(**common, redis_url=redis_url, rejudge_delay_seconds=0, rejudged_per_second=3)


@pytest_asyncio.fixture(loop_scope="session")
async def process(settings: Settings, mint: TokenMint) -> AsyncIterator[Process]:
    async with open_process("moderation", settings, build) as process:
        process.platform.verifier.put_key(mint.event)
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def client(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(process.app) as client:
        yield client
