"""`daira replay diff` tells what a handler does differently from what differs each time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from daira_bus.subscription import on
from daira_cli.exits import Exit
from daira_cli.run.outcome import read_result
from daira_cli.run.scratch import Stores
from daira_cli.run.session import Plan, run_on_scratch
from daira_cli.services import AnyService
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_runtime import Parts, Platform, Service
from daira_stores.redis import AnyRedis, open_redis
from daira_stores.work import Work
from daira_testing.command import say
from daira_testing.dumps import dump_line, write_dump


class ShelfSettings(CommonSettings, frozen=True, kw_only=True):
    """Of a service that keeps videos, and nothing of other uploads."""

    redis_url: str


def shelf(
    *,
    owner: Callable[[AssetChangedV1], UUID] = lambda event: event.owner_id,
    moment: Callable[[AssetChangedV1], datetime] = lambda event: event.occurred_at,
) -> AnyService:
    """A version of that service: which owner and which moment it writes down."""

    async def keep_video(event: AssetChangedV1, _work: Work, redis: AnyRedis) -> None:
        if event.kind is AssetKind.VIDEO:
            name, at = f"video:{event.media_id}", moment(event).isoformat()
            await redis.hset(name, mapping={"owner": str(owner(event)), "at": at, "link": new_id().hex})

    @asynccontextmanager
    async def build(settings: ShelfSettings, _platform: Platform) -> AsyncIterator[Parts]:
        async with open_redis(settings.redis_url) as redis:
            yield Parts(target=redis, subscriptions=(on(AssetChangedV1, keep_video),))

    # Named for a service that exists, whose tables are made and not looked at.
    return Service("admin", ShelfSettings, build)


def upload(owner_id: UUID, kind: AssetKind = AssetKind.VIDEO) -> AssetChangedV1:
    return AssetChangedV1(
        media_id=new_id(),
        owner_id=owner_id,
        kind=kind,
        state=AssetState.UPLOADED,
        storage_key="media/x/original",
        content_type="video/mp4",
        size_bytes=7,
    )


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Somebody's voice note, somebody else's video."""
    events = [upload(new_id(), AssetKind.VOICE), upload(new_id())]
    return write_dump(tmp_path / "uploads.jsonl", (dump_line(event, n) for n, event in enumerate(events)))


@pytest.fixture
def plan(dump: Path, stack: Endpoints, redis_url: str) -> Plan:
    dsn = stack.postgres_dsn("postgres")
    settings = ShelfSettings(
        postgres_dsn=dsn, redis_url=redis_url, kafka_bootstrap="", cursor_secret="", root_public_key=""
    )
    return Plan(dump=dump, service=shelf(), settings=settings, stores=Stores(redis=redis_url))


async def result_of(plan: Plan, name: str, version: AnyService) -> Path:
    result = plan.dump.with_name(name)
    wanted = msgspec.structs.replace(plan, service=version, result=result)
    await run_on_scratch(wanted, lambda _outcome: None, lambda _done, _total: None)
    return result


async def test_what_each_run_makes_up_is_no_difference(plan: Plan) -> None:
    before = await result_of(plan, "before", shelf(moment=lambda _event: now()))
    after = await result_of(plan, "after", shelf(moment=lambda _event: now()))

    assert before.read_bytes() != after.read_bytes()
    assert (await say("replay", "diff", before, after)).code == Exit.OK


async def test_the_id_of_another_person_of_the_dump_is_a_difference(plan: Plan) -> None:
    speaker = msgspec.json.decode(plan.dump.read_bytes().splitlines()[0])["value"]["ownerId"]
    before = await result_of(plan, "before", shelf())
    after = await result_of(plan, "after", shelf(owner=lambda _event: UUID(speaker)))

    said = await say("replay", "diff", before, after, "--json")

    assert said.code == Exit.FOUND
    changes = said.json["differences"][0]
    assert changes["what"] == "changes"
    assert changes["b"][0]["new"]["value"]["owner"] == speaker


async def test_the_time_of_day_in_place_of_a_moment_of_the_dump_is_a_difference(plan: Plan) -> None:
    before = await result_of(plan, "before", shelf())
    after = await result_of(plan, "after", shelf(moment=lambda _event: now()))

    said = await say("replay", "diff", before, after, "--json")

    assert said.code == Exit.FOUND
    assert said.json["differences"][0]["b"][0]["new"]["value"]["at"] == "<time>"


async def test_the_same_moment_written_in_another_way_is_no_difference(plan: Plan) -> None:
    before = await result_of(plan, "before", shelf())
    after = plan.dump.with_name("after")
    after.write_bytes(before.read_bytes().replace(b"+00:00", b"Z"))

    assert before.read_bytes() != after.read_bytes()
    assert (await say("replay", "diff", before, after)).code == Exit.OK


async def test_a_result_says_what_its_run_made_up(plan: Plan) -> None:
    silent, kept = read_result(await result_of(plan, "result", shelf()))

    (new,) = [change.new for change in kept.changes]
    assert new
    assert kept.made == (new["value"]["link"],)
    assert silent.made == ()


async def test_a_result_of_an_older_command_is_refused_by_name(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b'{"format":"daira-result/1","service":"feed","dump":"00"}\n')

    said = await say("replay", "diff", old, old)

    assert said.code == Exit.USAGE
    assert "[result_old]" in said.err
    assert "run the dump again" in said.err
