"""User as one process a file of tests, on the running stores, and people in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio

from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import empty_redis, fresh_databases
from daira_testing.http import calling
from daira_testing.tokens import TokenMint
from daira_user.service import UserService
from daira_user.settings import Settings
from daira_user.wiring import build

Register = Callable[..., Awaitable[UUID]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def settings(
    stack: Endpoints,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
) -> AsyncIterator[Settings]:
    async with fresh_databases(stack) as make_database, empty_redis(stack) as redis_url:
        common = common_settings(await make_database("user")) | object_settings
        yield Settings(**common, redis_url=redis_url, relation_limit="10000/minute", profile_limit="10000/minute")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def process(settings: Settings, mint: TokenMint) -> AsyncIterator[Process]:
    async with open_process("user", settings, build) as process:
        process.platform.verifier.put_key(mint.event)
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(process.app) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def register(process: Process) -> Register:
    """`await register()`: a new person with a profile, as after the first log-in."""
    user = process.parts.target
    assert isinstance(user, UserService)

    async def make(*, private: bool = False, user_id: UUID | None = None) -> UUID:
        user_id = user_id or new_id()
        async with process.platform.database.work() as work:
            await user.people.register(work, user_id, "ar", now())
            if private:
                await work.execute("UPDATE profile SET is_private = true WHERE user_id = %s", (user_id,))
        return user_id

    return make
