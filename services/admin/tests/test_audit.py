"""What operators did by hand reaches the audit trail, once."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection

from daira_admin.settings import Settings
from daira_admin.wiring import build
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import StaffActionRecordedV1
from daira_kit.ids import new_id
from daira_runtime import open_process
from daira_stores.migrate import load
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.schema import describe_schema
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


async def test_an_act_is_kept_once_with_its_reason(
    make_database: MakeDatabase, common_settings: Callable[[Database], dict[str, Any]], probe: TopicProbe
) -> None:
    database = await make_database("admin")
    act = OperatorActedV1(operator="mona@ops-1", act="replay.run.live", subjects=("feed", "x.y.v1"), reason="case 4711")
    other = OperatorActedV1(operator="mona@ops-1", act="dlq.discard", subjects=(), reason="nonsense")

    async def kept() -> list[dict[str, Any]]:
        async with database.read() as work:
            rows = await work.all("SELECT act_id, operator, subjects, reason FROM operator_act ORDER BY acted_at")
            return [row for row in rows if row["act_id"] in (act.act_id, other.act_id)]

    async def both() -> bool:
        return len(await kept()) == 2

    async with open_process("admin", Settings(**common_settings(database)), build):
        await probe.publish(act, act, other)
        await eventually(both)

    assert (await kept())[0] == {
        "act_id": act.act_id,
        "operator": "mona@ops-1",
        "subjects": ["feed", "x.y.v1"],
        "reason": "case 4711",
    }


async def test_what_auth_tells_of_staff_stands_beside_it(
    make_database: MakeDatabase, common_settings: Callable[[Database], dict[str, Any]], probe: TopicProbe
) -> None:
    database = await make_database("admin")
    person = new_id()
    action = StaffActionRecordedV1(
        actor="mona@ops-1", action="role.granted", subject_id=person, detail="moderator", reason="night shift"
    )

    async def kept() -> list[dict[str, Any]]:
        async with database.read() as work:
            return await work.all("SELECT operator, act, subjects, reason FROM operator_act")

    async with open_process("admin", Settings(**common_settings(database)), build):
        await probe.publish(action, action)
        await eventually(kept)

    expected = {"operator": "mona@ops-1", "act": "role.granted", "subjects": [str(person), "moderator"]}
    assert await kept() == [expected | {"reason": "night shift"}]


async def test_all_migrations_give_the_declared_schema(make_database: MakeDatabase) -> None:
    migrated, declared = await make_database("admin"), await make_database()
    async with await AsyncConnection.connect(declared.dsn, autocommit=True) as connection:
        await connection.execute((files("daira_admin") / "migrations" / "schema.sql").read_bytes())

    assert load("admin", "daira_admin")
    assert await describe_schema(migrated.dsn) == await describe_schema(declared.dsn)
