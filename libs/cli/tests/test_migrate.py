"""`daira migrate` on databases of the tests' own."""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from daira_cli.exits import Exit
from daira_devtools.stack import Endpoints
from daira_stores.cql import open_cql
from daira_stores.migrate import load
from daira_stores.postgres import Database
from daira_testing.command import say, surroundings_of
from daira_testing.fixtures import MakeDatabase

CommonSettings = Callable[[Database], dict[str, Any]]


@pytest.fixture
async def bare(
    make_database: MakeDatabase,
    common_settings: CommonSettings,
    object_settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Database:
    """A database of feed with the delivery tables only, in the environment as a process of feed would have it."""
    database = await make_database()
    settings = common_settings(database) | object_settings | {"redis_url": "redis://127.0.0.1:1/0"}
    for name, value in surroundings_of("feed", settings).items():
        monkeypatch.setenv(name, value)
    return database


async def test_the_plan_prints_the_pending_files_and_changes_nothing(bare: Database) -> None:
    names = [str(file) for file in load("feed", "daira_feed")]

    said = await say("migrate", "--plan", "--service", "feed")
    again = (await say("migrate", "--service", "feed", "--json")).json

    assert said.code == Exit.FOUND
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("  pending")] == names
    assert "CREATE TABLE post " in said.out
    assert [step["name"] for step in again[0]["pending"]] == names


async def test_applying_brings_the_database_up_to_date_once(bare: Database) -> None:
    first = await say("migrate", "--apply", "--service", "feed", "--yes", "--json")
    second = await say("migrate", "--apply", "--service", "feed", "--yes", "--json")
    after = await say("migrate", "--plan", "--service", "feed")

    assert first.json["applied"]["feed"] == [str(file) for file in load("feed", "daira_feed")]
    assert second.json["applied"]["feed"] == []
    assert (after.code, "0 pending" in after.out) == (Exit.OK, True)


async def test_nothing_is_applied_without_a_yes(bare: Database) -> None:
    said = await say("migrate", "--apply", "--service", "feed")

    assert (said.code, "[not_confirmed]" in said.err) == (Exit.REFUSED, True)
    assert (await say("migrate", "--service", "feed")).code == Exit.FOUND


async def test_a_file_edited_after_it_was_applied_is_refused_by_name(bare: Database) -> None:
    async with bare.work() as work:
        await work.execute("UPDATE schema_migration SET checksum = 'other'")

    said = await say("migrate", "--apply", "--service", "feed", "--yes")

    assert (said.code, "[migration_edited]" in said.err) == (Exit.REFUSED, True)
    assert "feed: delivery/0001_pre_create_delivery_tables.sql" in said.err


async def test_a_database_ahead_of_the_code_is_said_to_be(bare: Database) -> None:
    async with bare.work() as work:
        await work.execute("INSERT INTO schema_migration VALUES ('feed', '9999_pre_future.sql', 'x')")

    assert "feed/9999_pre_future.sql: applied by a newer code" in (await say("migrate", "--service", "feed")).out


async def test_a_database_that_is_down_is_told_as_such(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", "postgresql://daira@127.0.0.1:1/daira_feed")

    said = await say("migrate", "--service", "feed")

    assert (said.code, "Traceback" in said.err) == (Exit.DOWN, False)


async def test_settings_that_are_missing_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said = await say("migrate", "--service", "feed")

    assert (said.code, "[settings_invalid]" in said.err) == (Exit.USAGE, True)
    assert "DAIRA_FEED_POSTGRES_DSN: missing" in said.err
    assert "→ say where: --stack 8080" in said.err


async def test_a_service_nobody_knows_is_answered_with_the_closest() -> None:
    said = await say("migrate", "--service", "fed")

    assert (said.code, "did you mean feed?" in said.err) == (Exit.USAGE, True)


@pytest.fixture
async def empty_keyspace(stack: Endpoints) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(4)}"
    async with open_cql(stack.cql_hosts, stack.cql_port, "system") as session:
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        await session.run(f"CREATE KEYSPACE {name} WITH replication = {replication}")
        yield name
        await session.run(f"DROP KEYSPACE {name}")


async def test_tables_outside_postgresql_are_part_of_plan_and_apply(
    make_database: MakeDatabase,
    common_settings: CommonSettings,
    object_settings: dict[str, str],
    empty_keyspace: str,
    stack: Endpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cql = {"cql_hosts": stack.cql_hosts, "cql_port": stack.cql_port, "cql_keyspace": empty_keyspace}
    settings = common_settings(await make_database()) | object_settings | cql | {"redis_url": "redis://127.0.0.1:1/0"}
    for name, value in surroundings_of("interaction", settings).items():
        monkeypatch.setenv(name, value)

    before = (await say("migrate", "--service", "interaction", "--json")).json[0]["pending"]
    applied = await say("migrate", "--service", "interaction", "--apply", "--yes")
    after = (await say("migrate", "--service", "interaction", "--json")).json[0]["pending"]

    assert {step["store"] for step in before} >= {"cql"}
    assert (applied.code, after) == (Exit.OK, [])
