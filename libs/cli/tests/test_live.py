"""`daira replay run --live`: on the real stores only for a typed topic and a reason, and never twice."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from daira_cli.exits import Exit
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import UserErasedV1
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.stack import Endpoints
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import open_process
from daira_stores.postgres import Database
from daira_testing.command import say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

PROFILE = ProfileChangedV1.topic
REASON = ("--reason", "case 4711: her name never changed")


def profile(name: str = "Salma") -> ProfileChangedV1:
    user_id = new_id()
    return ProfileChangedV1(
        user_id=user_id, state=ProfileState.ACTIVE, handle=f"h{user_id.hex[-8:]}", display_name=name, created_at=now()
    )


@pytest.fixture
async def feed(make_database: MakeDatabase) -> Database:
    return await make_database("feed")


@pytest.fixture
def at(
    stack: Endpoints,
    feed: Database,
    redis_url: str,
    mint: TokenMint,
    probe: TopicProbe,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", feed.dsn)
    monkeypatch.setenv("DAIRA_FEED_REDIS_URL", redis_url)
    return ["--bootstrap", probe.bootstrap, "--prefix", probe.prefix, "--service", "feed"]


async def sums(database: Database) -> dict[str, str]:
    """A checksum of every table, times included."""
    async with database.read() as work:
        tables = await work.all("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    found = {}
    async with await AsyncConnection.connect(database.dsn) as connection:
        for table in tables:
            rows = await connection.execute(f"SELECT t::text FROM {table['name']} t ORDER BY 1")
            found[table["name"]] = sha256(repr(await rows.fetchall()).encode()).hexdigest()
    return found


async def test_what_was_handled_before_changes_nothing_when_it_runs_live_again(
    at: list[str],
    feed: Database,
    redis_url: str,
    probe: TopicProbe,
    tmp_path: Path,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, Any],
) -> None:
    began, events = now(), [profile() for _ in range(20)]
    dump = tmp_path / "handled.jsonl"

    async def all_there() -> bool:
        async with feed.read() as work:
            ids = [event.user_id for event in events]
            row = await work.one("SELECT count(*) AS count FROM profile WHERE user_id = ANY(%s)", (ids,))
            return bool(row and row["count"] == len(events))

    settings = Settings(**common_settings(feed), **object_settings, redis_url=redis_url)
    async with open_process("feed", settings, build):
        await probe.publish(*events)
        await eventually(all_there)
    taken = ["--since", began.isoformat(), "--unredacted", *REASON]
    assert (await say("replay", "dump", PROFILE, "-o", dump, *at[:4], *taken)).code == Exit.OK
    before = await sums(feed)

    foreseen = await say("replay", "run", dump, *at, "--live", "--dry-run", "--json")
    said = await say("replay", "run", dump, *at, "--live", "--confirm", PROFILE, *REASON, "--rate", "2000/s", "--json")

    (topic,) = json.loads(foreseen.out)["dryRun"]
    assert (topic["handledBefore"], topic["records"]) == (len(events), len(events))
    verdicts = json.loads(said.out.splitlines()[-1])["summary"]["verdicts"]
    assert verdicts == {"duplicate": len(events)}
    assert await sums(feed) == before


async def test_a_record_the_service_missed_is_made_up_for_and_the_audit_trail_knows(
    at: list[str], feed: Database, probe: TopicProbe, tmp_path: Path
) -> None:
    missed = profile("Missed")
    file = write_dump(tmp_path / "missed.jsonl", [dump_line(missed, 0)])
    reason = f"case {missed.event_id}"

    said = await say("replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, "--reason", reason)

    assert said.code == Exit.OK
    assert "1 accepted" in said.out
    async with feed.read() as work:
        row = await work.one("SELECT display_name FROM profile WHERE user_id = %s", (missed.user_id,))
    assert row == {"display_name": "Missed"}
    told = [event for event in await probe.events(OperatorActedV1) if event.reason == reason]
    assert [(event.act, event.subjects) for event in told] == [("replay.run.live", ("feed", PROFILE))]
    assert "@" in told[0].operator


@pytest.mark.parametrize(
    ("words", "code", "slug"),
    [
        (["--confirm", PROFILE], Exit.USAGE, "[usage]"),
        ([*REASON], Exit.REFUSED, "[not_confirmed]"),
        ([*REASON, "--confirm", UserErasedV1.topic], Exit.REFUSED, "[not_confirmed]"),
    ],
)
async def test_without_a_reason_and_the_typed_topic_nothing_real_is_touched(
    at: list[str], feed: Database, tmp_path: Path, words: list[str], code: Exit, slug: str
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before = await sums(feed)

    said = await say("replay", "run", file, *at, "--live", "--edited", *words)

    assert (said.code, slug in said.err) == (code, True)
    assert await sums(feed) == before


@pytest.mark.parametrize("service", ["wallet", "payments"])
async def test_services_that_move_money_are_refused_with_effects(at: list[str], tmp_path: Path, service: str) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])

    words = ["--live", "--edited", "--confirm", PROFILE, *REASON]
    said = await say("replay", "run", file, *at[:4], "--service", service, *words)

    assert said.code == Exit.REFUSED
    assert "--effects none" in said.err


async def test_a_redacted_dump_never_goes_live(at: list[str], probe: TopicProbe, tmp_path: Path) -> None:
    await probe.publish(profile())
    dump = tmp_path / "redacted.jsonl"
    assert (await say("replay", "dump", PROFILE, "-o", dump, *at[:4])).code == Exit.OK

    said = await say("replay", "run", dump, *at, "--live", "--confirm", PROFILE, *REASON)

    assert said.code == Exit.REFUSED
    assert "[redacted]" in said.err


async def test_without_effects_state_changes_and_nothing_is_told_or_left_to_do(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    erased = UserErasedV1(user_id=new_id(), erased_at=now())
    file = write_dump(tmp_path / "erased.jsonl", [dump_line(erased, 0)])

    async def rows(table: str) -> int:
        async with feed.read() as work:
            row = await work.one(f"SELECT count(*) AS count FROM {table}")
            return int(row["count"]) if row else 0

    words = ["--live", "--edited", "--confirm", UserErasedV1.topic, *REASON]
    assert (await say("replay", "run", file, *at, *words, "--effects", "none")).code == Exit.OK
    assert (await rows("inbox"), await rows("outbox"), await rows("job")) == (1, 0, 0)


async def test_what_the_audit_trail_does_not_take_is_not_done(at: list[str], feed: Database, tmp_path: Path) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before = await sums(feed)

    nowhere = ["--bootstrap", "127.0.0.1:9", *at[2:]]
    said = await say("replay", "run", file, *nowhere, "--live", "--edited", "--confirm", PROFILE, *REASON)

    assert said.code == Exit.REFUSED
    assert "[not_audited]" in said.err
    assert await sums(feed) == before
