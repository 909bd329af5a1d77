"""The service starts on real stores and says how it is."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx import AsyncClient

from daira_admin.settings import Settings
from daira_admin.wiring import build
from daira_runtime import open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.waiting import eventually


@pytest.fixture
async def client(
    make_database: MakeDatabase, common_settings: Callable[[Database], dict[str, Any]]
) -> AsyncIterator[AsyncClient]:
    settings = Settings(**common_settings(await make_database("admin")))
    async with open_process("admin", settings, build) as process, calling(process.app) as opened:
        yield opened


async def test_it_becomes_ready_and_names_its_dependencies(client: AsyncClient) -> None:
    async def ready() -> dict[str, Any]:
        answer = await client.get("/readyz")
        return answer.json() if answer.status_code == 200 else {}

    body = await eventually(ready)

    assert {one["name"] for one in body["dependencies"]} >= {"postgres", "broadcasts"}
    assert (await client.get("/livez")).json()["alive"] is True
    assert (await client.get("/metrics")).status_code == 200


async def test_its_pages_are_not_part_of_the_api(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    unknown = await client.get("/v1/anything")

    assert document["info"]["title"] == "DAIRA admin"
    assert document["paths"] == {}
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["code"] == "not_found"
