"""With a dependency down: a clear answer, nothing lost, and the rest goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from daira_contracts.auth import UserRegisteredV1
from daira_contracts.user import RelationChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process, Role, open_process
from daira_stores.migrate import Migration, apply, load
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.schema import describe_schema
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually
from daira_user.settings import Settings
from daira_user.wiring import build

NOWHERE = "127.0.0.1:1"
Running = tuple[Process, httpx.AsyncClient]


@asynccontextmanager
async def running(settings: Settings, mint: TokenMint, role: Role = Role.ALL) -> AsyncIterator[Running]:
    async with open_process("user", settings, build, role) as process:
        process.platform.verifier.put_key(mint.event)
        async with calling(process.app) as client:
            yield process, client


async def person(process: Process, mint: TokenMint) -> Any:
    user_id = new_id()
    async with process.platform.database.work() as work:
        await process.parts.target.people.register(work, user_id, "ar", now())  # type: ignore[attr-defined]
    return user_id, mint.headers(user_id)


async def test_what_was_accepted_without_kafka_is_told_when_a_relay_runs_again(
    settings: Settings, mint: TokenMint, probe: TopicProbe
) -> None:
    async with running(replace(settings, kafka_bootstrap=NOWHERE), mint, Role.HTTP) as (process, client):
        (me, headers), (other, _) = await person(process, mint), await person(process, mint)
        assert (await client.put(f"/v1/users/{other}/follow", headers=headers)).status_code == 200
    async with running(settings, mint, Role.RELAY):
        await probe.wait_for(RelationChangedV1, lambda event: event.actor_id == me)


async def test_without_postgresql_every_answer_is_503_with_a_time_to_come_back(
    settings: Settings, mint: TokenMint
) -> None:
    dead = replace(settings, postgres_dsn=f"postgresql://daira@{NOWHERE}/none")
    async with running(dead, mint, Role.HTTP) as (_, client):
        answer = await client.get("/v1/users/me", headers=mint.headers(new_id()))
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "retry-after" in answer.headers
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def test_without_redis_and_s3_people_still_follow_and_the_process_is_ready(
    settings: Settings, mint: TokenMint
) -> None:
    poor = replace(settings, redis_url=f"redis://{NOWHERE}/0", s3_endpoint=f"http://{NOWHERE}")
    async with running(poor, mint) as (process, client):
        (_, headers), (other, _) = await person(process, mint), await person(process, mint)
        assert (await client.put(f"/v1/users/{other}/follow", headers=headers)).status_code == 200

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(ready)
        dependencies = (await client.get("/readyz")).json()["dependencies"]
        assert {one["name"] for one in dependencies if not one["ok"]} == {"redis", "s3"}


async def test_a_record_that_is_no_event_goes_to_the_dead_letters_and_the_next_one_is_handled(
    settings: Settings, mint: TokenMint, probe: TopicProbe
) -> None:
    user_id, topic = new_id(), UserRegisteredV1.topic
    async with running(settings, mint) as (_, client):
        key = str(user_id).encode()
        await probe.producer.send(topic, key, b"{ nonsense", [])
        await probe.publish(UserRegisteredV1(user_id=user_id, registered_at=now()))

        async def known() -> bool:
            return (await client.get("/v1/users/me", headers=mint.headers(user_id))).status_code == 200

        await eventually(known)
        dead = [record for record in await probe.records(f"{topic}.dlq.user") if record.key == key]
        assert [record.value for record in dead] == [b"{ nonsense"]


async def test_all_migrations_together_are_schema_sql(make_database: MakeDatabase) -> None:
    migrated, declared = await make_database("user"), await make_database()
    text = (files("daira_user") / "migrations" / "schema.sql").read_text()
    await apply(declared.dsn, [Migration(component="user", name="schema.sql", text=text)])
    assert await describe_schema(migrated.dsn) == await describe_schema(declared.dsn)


@pytest.mark.parametrize("name", [migration.name for migration in load("user", "daira_user")])
def test_migrations_are_numbered_and_say_when_they_run(name: str) -> None:
    number, when = name.split("_")[:2]
    assert number.isdigit()
    assert when in ("pre", "post")
