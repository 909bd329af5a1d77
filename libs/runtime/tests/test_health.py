"""What /readyz says of Kafka and the relay while no broker can be reached, and afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daira_devtools.stack import Endpoints
from daira_kit.settings import CommonSettings
from daira_runtime import Parts, Platform, Role, open_process
from daira_stores.postgres import Database
from daira_testing.delivery import change, emit
from daira_testing.fixtures import MakeDatabase
from daira_testing.gate import Gate
from daira_testing.http import calling
from daira_testing.waiting import eventually

CommonMaker = Callable[[Database], dict[str, Any]]
SHOWN = {"kafka", "relay"}


@asynccontextmanager
async def build(_settings: CommonSettings, _platform: Platform) -> AsyncIterator[Parts]:
    yield Parts()


@pytest.fixture
async def gate(stack: Endpoints) -> AsyncIterator[Gate]:
    async with Gate(f"kafka://{stack.kafka_bootstrap}") as gate:
        yield gate


async def test_a_lost_broker_is_named_while_the_process_stays_ready_and_is_remembered_afterwards(
    gate: Gate, make_database: MakeDatabase, common_settings: CommonMaker
) -> None:
    owner = await make_database()
    bootstrap = gate.url.removeprefix("kafka://")
    settings = CommonSettings(**common_settings(owner) | {"kafka_bootstrap": bootstrap})
    async with open_process("user", settings, build) as process, calling(process.app) as client:

        async def shown(*, well: bool) -> dict[str, dict[str, Any]] | None:
            answer = await client.get("/readyz")
            assert answer.status_code == 200
            found = {one["name"]: one for one in answer.json()["dependencies"] if one["name"] in SHOWN}
            return found if {one["ok"] for one in found.values()} == {well} else None

        first = await eventually(lambda: shown(well=True))
        gate.shut()
        await emit(owner, change())
        down = await eventually(lambda: shown(well=False))
        gate.open()
        again = await eventually(lambda: shown(well=True))

    assert first is not None
    assert down is not None
    assert again is not None
    assert {name: one["required"] for name, one in first.items()} == dict.fromkeys(SHOWN, False)
    assert first["kafka"]["latencyMs"] > 0
    assert bootstrap in down["kafka"]["error"]
    assert "BrokerUnavailable" in down["relay"]["error"]
    assert all(one["error"] is None and one["lastError"] and one["lastErrorAt"] for one in again.values())


@pytest.mark.parametrize(
    ("role", "shown"), [(Role.HTTP, {"kafka"}), (Role.WORKER, {"kafka"}), (Role.RELAY, {"kafka", "relay"})]
)
async def test_a_process_names_the_relay_where_it_runs_one(
    role: Role, shown: set[str], make_database: MakeDatabase, common_settings: CommonMaker
) -> None:
    settings = CommonSettings(**common_settings(await make_database()))

    async with open_process("user", settings, build, role) as process:
        named = {one.name for one in await process.health.look()}

    assert named & SHOWN == shown
