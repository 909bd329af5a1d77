"""Interaction on real stores."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx import AsyncClient

from daira_devtools.stack import Endpoints
from daira_interaction.settings import Settings
from daira_interaction.wiring import build, migrate
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.tokens import TokenMint


@pytest.fixture
async def settings(
    make_database: MakeDatabase,
    common_settings: Callable[[Database], dict[str, Any]],
    stack: Endpoints,
    keyspace: str,
    redis_url: str,
    object_settings: dict[str, Any],
) -> Settings:
    common = common_settings(await make_database("interaction"))
    settings = Settings(
        **common,
        **object_settings,
        redis_url=redis_url,
        cql_hosts=stack.cql_hosts,
        cql_port=stack.cql_port,
        cql_keyspace=keyspace,
    )
    await migrate(settings)
    return settings


@pytest.fixture
async def process(settings: Settings, mint: TokenMint) -> AsyncIterator[Process]:
    async with open_process("interaction", settings, build) as process:
        process.platform.verifier.put_key(mint.event)
        yield process


@pytest.fixture
async def client(process: Process) -> AsyncIterator[AsyncClient]:
    async with calling(process.app) as client:
        yield client
