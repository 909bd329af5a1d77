"""`daira replay run` shows what a record does to Cassandra and Redis as it shows what it does to PostgreSQL."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_bus.log import record_of
from daira_bus.subscription import on
from daira_cli.exits import Exit
from daira_cli.run.notes import open_notes
from daira_cli.run.outcome import Outcome
from daira_cli.run.scratch import Stores, discard, make, planned
from daira_cli.run.session import Plan, run_on_scratch
from daira_cli.run.watching import Watch
from daira_cli.services import AnyService, find
from daira_cli.where import Where
from daira_contracts.auth import UserErasedV1
from daira_contracts.interaction import (
    EntityType,
    EventSource,
    UserEventMetadata,
    UserEventRecordedV1,
    UserEventType,
)
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_runtime import Parts, Platform, Service
from daira_runtime.replay import open_replay
from daira_stores.changes import Change, Progress
from daira_stores.redis import AnyRedis, open_redis
from daira_stores.work import Work
from daira_testing.command import Said, say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.tokens import TokenMint

EVENTS, DAYS = "cassandra.user_event", "cassandra.user_event_day"


@pytest.fixture
def at(stack: Endpoints, redis_url: str, mint: TokenMint, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    return ["--service", "interaction", "--scratch-redis", redis_url]


def watched(user_id: UUID, *, seconds: int = 0, watch_time_ms: int = 1_000) -> UserEventRecordedV1:
    happened_at = now().replace(hour=0, minute=0, second=0) + timedelta(seconds=seconds)
    return UserEventRecordedV1(
        client_event_id=new_id(),
        user_id=user_id,
        event_type=UserEventType.WATCH,
        entity_type=EntityType.POST,
        entity_id=str(new_id()),
        source=EventSource.CIRCLE,
        happened_at=happened_at,
        received_at=happened_at,
        metadata=UserEventMetadata(watch_time_ms=watch_time_ms),
    )


def story(user_id: UUID) -> list[bytes]:
    first, second = watched(user_id), watched(user_id, seconds=7)
    erased = UserErasedV1(user_id=user_id, erased_at=now(), occurred_at=now() + timedelta(seconds=1))
    return [dump_line(event, offset) for offset, event in enumerate([first, second, first, erased])]


async def run(*words: object) -> tuple[Said, list[dict[str, Any]], dict[str, Any]]:
    said = await say("replay", "run", *words, "--json")
    assert said.code == Exit.OK, said.err
    lines = [json.loads(text) for text in said.out.splitlines()]
    return said, lines[:-1], lines[-1]["summary"]


def cassandra(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    found = [(change["operation"], change["table"]) for change in outcome.get("changes", [])]
    return [one for one in found if one[1].startswith("cassandra.")]


async def test_each_record_says_which_rows_of_cassandra_it_changed(at: list[str], tmp_path: Path) -> None:
    user_id = new_id()
    file = write_dump(tmp_path / "events.jsonl", story(user_id))

    _, outcomes, summary = await run(file, *at)

    assert [cassandra(one) for one in outcomes] == [
        [("insert", EVENTS), ("insert", DAYS)],
        [("insert", EVENTS)],
        [],
        [("delete", EVENTS), ("delete", EVENTS), ("delete", DAYS)],
    ]
    (stored, _) = outcomes[0]["changes"]
    assert (stored["new"]["user_id"], stored["new"]["watch_time_ms"]) == (str(user_id), 1_000)
    assert (summary["changed"][EVENTS], summary["changed"][DAYS]) == (4, 2)


async def test_a_person_reads_what_changed_in_cassandra(at: list[str], tmp_path: Path) -> None:
    file = write_dump(tmp_path / "events.jsonl", story(new_id()))

    said = await say("replay", "run", file, *at)

    assert said.code == Exit.OK
    assert said.out.count("insert cassandra.user_event: user_id=") == 2
    assert "delete cassandra.user_event_day: " in said.out
    assert "changed: 4 cassandra.user_event, 2 cassandra.user_event_day, 1 erased_user" in said.out


async def test_results_of_two_runs_agree_about_cassandra_until_a_row_differs(at: list[str], tmp_path: Path) -> None:
    user_id = new_id()
    events = [watched(user_id, seconds=number) for number in range(3)]
    lines = [dump_line(event, offset) for offset, event in enumerate(events)]
    longer = msgspec.structs.replace(events[1], metadata=UserEventMetadata(watch_time_ms=2_000))
    other = [lines[0], dump_line(longer, 1), lines[2]]
    results = []
    for name, content in {"one": lines, "same": lines, "other": other}.items():
        results.append(tmp_path / name)
        await run(write_dump(tmp_path / f"{name}.jsonl", content), *at, "--result", results[-1])
    one, same, another = results

    assert (await say("replay", "diff", one, same)).code == Exit.OK
    said = await say("replay", "diff", one, another, "--json")

    assert said.code == Exit.FOUND
    found = [(each["where"], each["what"]) for each in said.json["differences"]]
    place = f"{UserEventRecordedV1.topic}[0]@1"
    assert found == [(place, "changes"), (EVENTS, "row at the end"), (EVENTS, "row at the end")]


class KeeperSettings(CommonSettings, frozen=True, kw_only=True):
    """Of a service whose handlers write to Redis themselves, which none of ours does."""

    redis_url: str


async def keep_profile(event: ProfileChangedV1, _work: Work, redis: AnyRedis) -> None:
    name = event.user_id.hex
    await redis.set(f"name:{name}", event.display_name)
    await redis.hset(f"state:{name}", mapping={"handle": event.handle, "revision": event.revision})
    await redis.zadd("people", {name.encode(): event.revision, b"\xff": float("inf")})


async def drop_profile(key: str, _work: Work, redis: AnyRedis) -> None:
    await redis.delete(f"name:{UUID(key).hex}")


@asynccontextmanager
async def build_keeper(settings: KeeperSettings, _platform: Platform) -> AsyncIterator[Parts]:
    async with open_redis(settings.redis_url) as redis:
        yield Parts(target=redis, subscriptions=(on(ProfileChangedV1, keep_profile, tombstone=drop_profile),))


# Named for a service that exists, whose tables are made and not looked at.
KEEPER = Service("admin", KeeperSettings, build_keeper)


@pytest.fixture
def keeper_settings(stack: Endpoints, redis_url: str) -> KeeperSettings:
    dsn = stack.postgres_dsn("postgres")
    return KeeperSettings(
        postgres_dsn=dsn, redis_url=redis_url, kafka_bootstrap="", cursor_secret="", root_public_key=""
    )


def profile(user_id: UUID, name: str, revision: int = 1) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        state=ProfileState.ACTIVE,
        handle="salma",
        display_name=name,
        created_at=now(),
        revision=revision,
    )


async def test_each_record_says_which_keys_of_redis_it_changed(
    keeper_settings: KeeperSettings, redis_url: str, tmp_path: Path
) -> None:
    person = new_id()
    first, second = profile(person, "Salma"), profile(person, "Mona")
    lines = [dump_line(first, 0), dump_line(first, 1), dump_line(second, 2), dump_line(second, 3, value=None)]
    file = write_dump(tmp_path / "people.jsonl", lines)
    plan = Plan(dump=file, service=KEEPER, settings=keeper_settings, stores=Stores(redis=redis_url))
    outcomes: list[Outcome] = []

    summary, _ = await run_on_scratch(plan, outcomes.append, lambda _done, _total: None)

    made, again, renamed, gone = [one.changes for one in outcomes]
    assert {change.new["key"]: change.new["value"] for change in made if change.new} == {
        f"name:{person.hex}": "Salma",
        f"state:{person.hex}": {"handle": "salma", "revision": "1"},
        "people": [[person.hex, 1], ["0xff", "inf"]],
    }
    assert again == ()
    name = {"key": f"name:{person.hex}", "value": "Salma"}
    assert renamed == (Change(table="redis", operation="update", key=("key",), old=name, new=name | {"value": "Mona"}),)
    assert [(change.operation, change.old) for change in gone] == [("delete", name | {"value": "Mona"})]
    assert summary.changed == {"redis": 5}


@pytest.mark.parametrize("service", [find("interaction"), KEEPER], ids=["cassandra", "redis"])
async def test_what_a_killed_run_had_not_told_the_next_one_tells(
    service: AnyService, at: list[str], keeper_settings: KeeperSettings, redis_url: str
) -> None:
    settings = keeper_settings if service is KEEPER else Where().settings(service)
    event = profile(new_id(), "Salma") if service is KEEPER else watched(new_id())
    record = record_of(event.topic, event.key_text().encode(), msgspec.json.encode(event), ())
    stores = Stores(redis=redis_url)
    made, led = await make(service, settings, stores, planned(service, "of no dump"))

    try:
        async with open_notes(led) as notes, open_replay(service, led, Watch()) as replay:
            await notes.noted()
            await notes.settle(Progress(next_index=0, result_bytes=0))
            await replay.handler.handle(record)
        async with open_notes(led) as notes:
            told = await notes.noted()
            await notes.settle(Progress(next_index=1, result_bytes=0))
            more = await notes.noted()
    finally:
        await discard(settings, stores, made)

    expected = ["redis"] * 3 if service is KEEPER else [EVENTS, DAYS]
    assert [one.table for one in told if one.table != "inbox"] == expected
    assert {one.operation for one in told} == {"insert"}
    assert more == []
