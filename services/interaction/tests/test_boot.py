"""The service starts on real stores and says how it is."""

from typing import Any

import pytest
from httpx import AsyncClient

from daira_interaction.handlers import SUBSCRIPTIONS
from daira_interaction.settings import Settings
from daira_interaction.wiring import build, migrate
from daira_runtime import open_process
from daira_stores.migrate import all_for, apply
from daira_testing.http import calling
from daira_testing.waiting import eventually


async def test_it_becomes_ready_and_names_its_dependencies(client: AsyncClient) -> None:
    async def ready() -> dict[str, Any]:
        answer = await client.get("/readyz")
        return answer.json() if answer.status_code == 200 else {}

    body = await eventually(ready)

    assert {one["name"] for one in body["dependencies"] if one["ok"]} >= {"postgres", "broadcasts", "cassandra"}


async def test_it_is_ready_and_takes_no_harm_without_cassandra(settings: Settings) -> None:
    lonely = Settings(**{name: getattr(settings, name) for name in settings.__struct_fields__} | {"cql_port": 1})
    async with open_process("interaction", lonely, build) as process, calling(process.app) as client:

        async def ready() -> dict[str, Any]:
            answer = await client.get("/readyz")
            return answer.json() if answer.status_code == 200 else {}

        body = await eventually(ready)

    cassandra = next(one for one in body["dependencies"] if one["name"] == "cassandra")
    assert (cassandra["ok"], cassandra["required"]) == (False, False)


async def test_the_document_describes_one_event(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    schemas = document["components"]["schemas"]
    items = schemas["EventBatch"]["properties"]["events"]["items"]
    assert {"$ref": "#/components/schemas/TrackedEvent"} in items["oneOf"]
    assert "WATCH" in schemas["TrackedEvent"]["properties"]["eventType"]["enum"]
    assert document["paths"]["/v1/events"]["post"]["responses"].keys() >= {"202", "400", "401"}


def test_each_topic_is_heard_once() -> None:
    topics = [one.topic for one in SUBSCRIPTIONS]

    assert len(set(topics)) == len(topics) == 4


@pytest.mark.parametrize("_again", range(2))
async def test_migrations_may_run_again(settings: Settings, _again: int) -> None:
    assert await apply(settings.postgres_dsn, all_for("interaction")) == []
    await migrate(settings)
