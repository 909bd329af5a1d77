"""User as one process on the running stores, and people in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio

from daira_contracts.auth import UserRegisteredV1
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_user.settings import Settings
from daira_user.wiring import build

Client = httpx.AsyncClient


@pytest_asyncio.fixture(loop_scope="session")
async def settings(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    redis_url: str,
    stack: Endpoints,
) -> Settings:
    return Settings(
        **common_settings(await make_database("user")),
        redis_url=redis_url,
        s3_endpoint=stack.s3_endpoint,
        s3_access_key=stack.s3_access_key,
        s3_secret_key=stack.s3_secret_key,
        s3_bucket=stack.s3_bucket,
        relation_limit="10000/minute",
        profile_limit="10000/minute",
    )


@pytest_asyncio.fixture(loop_scope="session")
async def process(settings: Settings, mint: TokenMint) -> AsyncIterator[Process]:
    async with open_process("user", settings, build) as process:
        process.platform.verifier.put_key(mint.event)
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def client(process: Process) -> AsyncIterator[Client]:
    transport = httpx.ASGITransport(process.app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://daira.test") as client:
        yield client


Register = Callable[..., Awaitable[UUID]]


@pytest_asyncio.fixture(loop_scope="session")
async def register(process: Process) -> Register:
    """`await register()`: a new person with a profile; with a handle when given."""

    async def make(*, private: bool = False, user_id: UUID | None = None) -> UUID:
        user_id = user_id or new_id()
        user = process.parts.target
        async with process.platform.database.work() as work:
            event = UserRegisteredV1(user_id=user_id, registered_at=now(), locale="ar")
            await user.people.register(work, event.user_id, event.locale, event.registered_at)  # type: ignore[attr-defined]
            if private:
                await work.execute("UPDATE profile SET is_private = true WHERE user_id = %s", (user_id,))
        return user_id

    return make
