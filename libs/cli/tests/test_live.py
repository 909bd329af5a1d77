"""`daira replay run --live`: on the real stores only for a typed topic and a reason, and never twice."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from psycopg import AsyncConnection

from daira_bus.dlq import ORIGINAL_OFFSET, ORIGINAL_PARTITION, DeadLetters
from daira_bus.newer import Place
from daira_cli.dlq.again import STOP_AFTER
from daira_cli.dump.lines import Line
from daira_cli.exits import Exit
from daira_cli.run.live_notes import Came, LiveNotes, place_of_database
from daira_cli.run.scratch import Checkpoint
from daira_cli.run.superseding import place_of
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision, VerdictReachedV1, WordEntry, WordlistChangedV1
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.stack import Endpoints, Stack
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import open_process
from daira_runtime.redrive import alone_by_hand
from daira_stores.changes import Progress
from daira_stores.postgres import Database
from daira_testing.broker_gate import PRODUCE, BrokerGate
from daira_testing.command import Said, say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

PROFILE = ProfileChangedV1.topic
REASON = ("--reason", "case 4711: her name never changed")


def profile(name: str = "Salma", user_id: UUID | None = None, revision: int = 1) -> ProfileChangedV1:
    user_id = user_id or new_id()
    return ProfileChangedV1(
        user_id=user_id,
        state=ProfileState.ACTIVE,
        handle=f"h{user_id.hex[-8:]}",
        display_name=name,
        created_at=now(),
        revision=revision,
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


async def dumped(at: list[str], file: Path, *events: ProfileChangedV1) -> Path:
    """What the topic holds of the people of `events`, as it was."""
    keys = [word for event in events for word in ("--key", event.key_text())]
    said = await say("replay", "dump", PROFILE, "-o", file, *keys, *at[:4], "--unredacted", *REASON)
    assert said.code == Exit.OK, said.err
    return file


async def run_live(at: list[str], dump: Path, *words: object) -> tuple[Said, dict[str, int]]:
    said = await say("replay", "run", dump, *at, "--live", "--confirm", PROFILE, *REASON, "--json", *words)
    assert said.code == Exit.OK, said.err
    return said, json.loads(said.out.splitlines()[-1])["summary"]["verdicts"]


async def names(feed: Database, *people: UUID) -> list[str]:
    async with feed.read() as work:
        statement = "SELECT display_name FROM profile WHERE user_id = ANY(%s) ORDER BY display_name"
        return [row["display_name"] for row in await work.all(statement, (list(people),))]


async def test_a_person_removed_since_the_dump_does_not_come_back(
    at: list[str], feed: Database, probe: TopicProbe, tmp_path: Path
) -> None:
    gone, here = profile("Gone"), profile("Here")
    await probe.publish(gone, here)
    dump = await dumped(at, tmp_path / "before.jsonl", gone, here)
    await probe.producer.send(PROFILE, gone.key_text().encode(), None, [])

    foreseen = await say("replay", "run", dump, *at, "--live", "--dry-run", "--json")
    said, verdicts = await run_live(at, dump)

    (topic,) = foreseen.json["dryRun"]
    assert (topic["records"], topic["superseded"], topic["handledBefore"]) == (2, 1, 0)
    assert verdicts == {"accepted": 1, "superseded": 1}
    assert await names(feed, gone.user_id, here.user_id) == ["Here"]
    (passed_over,) = [one for one in map(json.loads, said.out.splitlines()) if one.get("verdict") == "superseded"]
    assert (passed_over["key"], "newerOffset" in passed_over) == (gone.key_text(), True)


async def test_of_each_key_only_its_newest_state_is_handled(
    at: list[str], feed: Database, probe: TopicProbe, tmp_path: Path
) -> None:
    old = profile("Old")
    new = profile("New", old.user_id, revision=2)
    await probe.publish(old)
    await probe.publish(new)
    dump = await dumped(at, tmp_path / "both.jsonl", old)

    said = await say("replay", "run", dump, *at, "--live", "--confirm", PROFILE, *REASON)

    assert "2 records through feed: 1 accepted, 1 superseded" in said.out
    assert "is a newer state of its key" in said.out
    assert await names(feed, old.user_id) == ["New"]


async def test_a_newer_state_that_lies_among_the_dead_letters_supersedes_nothing(
    at: list[str], feed: Database, probe: TopicProbe, tmp_path: Path
) -> None:
    old = profile("Old")
    new = profile("New", old.user_id, revision=2)
    await probe.publish(old)
    dump = await dumped(at, tmp_path / "old.jsonl", old)
    await probe.publish(new)
    (buried,) = [one for one in await probe.records(PROFILE) if f'"{new.event_id}"'.encode() in (one.value or b"")]
    await DeadLetters(probe.producer, "feed", probe.prefix).bury(buried, ValueError("a bug"), "remember_profile", 3)

    _, verdicts = await run_live(at, dump)

    assert verdicts == {"accepted": 1}
    assert await names(feed, old.user_id) == ["Old"]


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        (((ORIGINAL_PARTITION, "3"), (ORIGINAL_OFFSET, "41")), (PROFILE, 3, 41)),
        (((ORIGINAL_PARTITION, "3"), (ORIGINAL_OFFSET, "-1")), None),
        ((), None),
    ],
)
def test_a_dead_letter_in_a_dump_is_looked_for_where_its_record_was(
    headers: tuple[tuple[str, str], ...], place: Place | None
) -> None:
    letter = Line(topic=f"{PROFILE}.dlq.feed", partition=0, offset=7, timestamp=0, headers=headers)

    assert place_of(letter) == place
    assert place_of(Line(topic=PROFILE, partition=2, offset=7, timestamp=0)) == (PROFILE, 2, 7)


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


OF_SCRATCH_RUNS = (
    ("--break-on", "1"),
    ("--pdb",),
    ("--scratch-postgres", "postgresql://127.0.0.1:9/x"),
    ("--scratch-redis", "redis://127.0.0.1:9/1"),
    ("--restart",),
    ("--keep",),
)
OF_LIVE_RUNS = (("--dry-run",), ("--confirm", PROFILE), REASON, ("--effects", "none"), ("--effects", "all"))


@pytest.mark.parametrize("words", OF_SCRATCH_RUNS, ids=lambda words: words[0])
async def test_what_only_a_throw_away_run_does_is_not_passed_over_by_a_live_one(
    at: list[str], feed: Database, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before = await sums(feed)

    said = await say("replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON, *words)

    assert (said.code, f"{words[0]} goes without --live" in said.err) == (Exit.USAGE, True), said
    assert await sums(feed) == before


@pytest.mark.parametrize("words", OF_LIVE_RUNS, ids=lambda words: " ".join(words[:2]))
async def test_what_only_a_live_run_does_is_not_passed_over_by_one_on_throw_away_stores(
    at: list[str], feed: Database, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before = await sums(feed)

    said = await say("replay", "run", file, *at, *words)

    assert (said.code, f"{words[0]} goes with --live" in said.err) == (Exit.USAGE, True), said
    assert await sums(feed) == before


async def test_a_post_is_judged_by_the_published_word_list_not_by_the_one_that_came_with_the_command(
    at: list[str],
    make_database: MakeDatabase,
    redis_url: str,
    probe: TopicProbe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moderation, word = await make_database("moderation"), f"w{new_id().hex}"
    monkeypatch.setenv("DAIRA_MODERATION_POSTGRES_DSN", moderation.dsn)
    monkeypatch.setenv("DAIRA_MODERATION_REDIS_URL", redis_url)
    entry = WordEntry(pattern=word, category="spam", decision=Decision.REJECTED)
    await probe.publish(WordlistChangedV1(list_id=f"list-{word}", revision=1_000, entries=(entry,)))
    post = PostChangedV1(
        post_id=new_id(),
        author_id=new_id(),
        state=PostState.PROCESSING,
        text=f"look: {word}",
        content_revision=1,
        created_at=now(),
    )
    file = write_dump(tmp_path / "missed.jsonl", [dump_line(post, 0)])

    words = ["--service", "moderation", "--live", "--edited", "--confirm", PostChangedV1.topic, *REASON]
    said = await say("replay", "run", file, *at[:4], *words)

    assert said.code == Exit.OK, said.err
    async with moderation.read() as work:
        statement = "SELECT value FROM outbox WHERE topic = %s"
        rows = await work.all(statement, (VerdictReachedV1.topic,))
    told = [msgspec.json.decode(row["value"], type=VerdictReachedV1) for row in rows]
    assert [(one.subject_id, one.decision) for one in told] == [(str(post.post_id), Decision.REJECTED)]


def noted(file: Path, feed: Database, **fields: Any) -> Path:
    """What a live run that stopped after the first record of `file` left."""
    came = Came(
        dump=sha256(file.read_bytes()).hexdigest(),
        database=place_of_database(feed.dsn),
        progress=Progress(next_index=1, result_bytes=0),
    )
    left = file.with_name(f"{file.name}.feed.live")
    left.write_bytes(msgspec.json.encode(replace(came, **fields)))
    return left


async def test_a_stopped_live_run_goes_on_after_what_it_did(at: list[str], feed: Database, tmp_path: Path) -> None:
    done, rest = profile("Done"), profile("Rest")
    file = write_dump(tmp_path / "two.jsonl", [dump_line(done, 0), dump_line(rest, 1)])
    noted(file, feed)

    await run_live(at, file, "--edited", "--from-checkpoint")

    assert await names(feed, done.user_id, rest.user_id) == ["Rest"]
    assert os.listdir(tmp_path) == ["two.jsonl"]


async def test_what_failed_before_a_live_run_was_stopped_counts_at_its_end(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    poison = dump_line(profile(), 0, value=b"{}")
    lines = [poison, *(dump_line(profile(), number) for number in range(1, 100))]
    file, result = write_dump(tmp_path / "bug.jsonl", lines), tmp_path / "result"
    words = ["replay", "run", str(file), *at, "--live", "--edited", "--confirm", PROFILE, *REASON, "--quiet"]
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daira_cli", *words, "--rate", "5/s", "--result", str(result)
    )
    await eventually(lambda: has_lines(result, 3), every=0.02)
    first.send_signal(signal.SIGKILL)
    await first.wait()

    said = await say(*words, "--from-checkpoint", "--json")

    assert said.code == Exit.FOUND, said
    summary = json.loads(said.out.splitlines()[-1])["summary"]
    assert (summary["records"], summary["verdicts"]["dlq"]) == (100, 1)


async def test_a_cause_that_kills_every_record_stops_a_live_run_and_leaves_the_rest_alone(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    first, last = profile("First"), profile("Last")
    lines = [dump_line(first, 0), *(dump_line(profile(), n, value=b"{}") for n in range(1, STOP_AFTER + 1))]
    file = write_dump(tmp_path / "bug.jsonl", [*lines, dump_line(last, STOP_AFTER + 1)])
    words = ["replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON]

    said = await say(*words)

    assert (said.code, "[too_many_dead]" in said.err) == (Exit.PARTIAL, True), said
    assert f"{STOP_AFTER} in a row failed, the last with" in said.err
    assert await names(feed, first.user_id, last.user_id) == ["First"]

    write_dump(file, [dump_line(first, 0), dump_line(last, 1)])
    again = await say(*words)
    assert (again.code, "1 accepted, 1 duplicate" in again.out) == (Exit.OK, True), again


async def test_failures_with_handled_records_between_them_do_not_stop_a_live_run(at: list[str], tmp_path: Path) -> None:
    lines = [
        dump_line(profile(), number, value=b"{}") if number % STOP_AFTER else dump_line(profile(), number)
        for number in range(2 * STOP_AFTER)
    ]
    file = write_dump(tmp_path / "bug.jsonl", lines)

    said = await say("replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON)

    assert (said.code, f"2 accepted, {2 * STOP_AFTER - 2} dlq" in said.out) == (Exit.FOUND, True), said


async def has_lines(file: Path, count: int) -> bool:
    return await asyncio.to_thread(lambda: file.exists() and file.read_bytes().count(b"\n") > count)


async def test_a_dump_taken_anew_is_not_continued_where_the_old_one_stopped(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0), dump_line(profile(), 1)])
    noted(file, feed)
    write_dump(file, [dump_line(profile(), 0), dump_line(profile(), 1)])
    before = await sums(feed)

    words = ["replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON]
    said = await say(*words, "--from-checkpoint")

    assert (said.code, "[changed]" in said.err) == (Exit.REFUSED, True), said
    assert await sums(feed) == before
    anew = await say(*words)
    assert (anew.code, "2 accepted" in anew.out) == (Exit.OK, True), anew


async def test_what_was_done_on_another_database_is_not_passed_over_on_this_one(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0), dump_line(profile(), 1)])
    noted(file, feed, database="staging:5432/feed")
    before = await sums(feed)

    words = ["--live", "--edited", "--confirm", PROFILE, *REASON, "--from-checkpoint"]
    said = await say("replay", "run", file, *at, *words)

    assert (said.code, "was on staging:5432/feed" in said.err) == (Exit.REFUSED, True), said
    assert await sums(feed) == before


async def test_a_checkpoint_that_says_nothing_is_refused_with_what_to_do(
    at: list[str], feed: Database, tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    noted(file, feed).write_bytes(b"")

    words = ["--live", "--edited", "--confirm", PROFILE, *REASON, "--from-checkpoint"]
    said = await say("replay", "run", file, *at, *words)

    assert (said.code, "without --from-checkpoint" in said.err) == (Exit.REFUSED, True), said


async def test_a_checkpoint_is_replaced_and_never_half_written(tmp_path: Path) -> None:
    notes = LiveNotes(tmp_path / "bug.jsonl.feed.live", "feed", "0" * 64, "postgresql://127.0.0.1/feed")
    await notes.settle(Progress(next_index=1, result_bytes=0))

    with (tmp_path / "bug.jsonl.feed.live").open("rb") as before:
        await notes.settle(Progress(next_index=2, result_bytes=0))
        kept = before.read()

    assert msgspec.json.decode(kept, type=Came).progress.next_index == 1
    notes.go_on()
    assert notes.progress.next_index == 2
    assert os.listdir(tmp_path) == ["bug.jsonl.feed.live"]


async def test_a_second_operator_is_told_who_is_at_it_and_the_audit_trail_hears_nothing(
    at: list[str], feed: Database, probe: TopicProbe, tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before, reason = await sums(feed), f"case {new_id()}"

    words = ["--live", "--edited", "--confirm", PROFILE, "--reason", reason]
    async with alone_by_hand(feed.dsn, "feed", "mona@laptop"):
        said = await say("replay", "run", file, *at, *words)

    assert (said.code, "[operator_busy]" in said.err) == (Exit.REFUSED, True), said
    assert "mona@laptop, since" in said.err
    assert await sums(feed) == before
    assert not [event for event in await probe.events(OperatorActedV1) if event.reason == reason]


async def test_a_dump_that_another_run_is_at_is_left_alone(at: list[str], feed: Database, tmp_path: Path) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    before, other = await sums(feed), Checkpoint.open(file, "feed")

    try:
        said = await say("replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON)
    finally:
        other.close(keep=False)

    assert (said.code, "[in_use]" in said.err) == (Exit.REFUSED, True), said
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


@pytest.mark.slow
@pytest.mark.parametrize("is_taken", [False, True], ids=["before it was taken", "after it was taken"])
async def test_a_broker_lost_while_the_audit_trail_is_told_leaves_nothing_done_and_the_same_command_works_later(
    at: list[str], feed: Database, probe: TopicProbe, own_stack: Stack, tmp_path: Path, is_taken: bool
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), 0)])
    words = ["replay", "run", file, *at[2:], "--live", "--edited", "--confirm", PROFILE, *REASON]
    before = await sums(feed)

    async def kill() -> None:
        await own_stack.stop("kafka", kill=True)

    async with BrokerGate(probe.bootstrap, PRODUCE, kill, done=is_taken) as gate:
        try:
            said = await say(*words, "--bootstrap", gate.address)
        finally:
            await own_stack.start("kafka")

    assert (said.code, "[not_audited]" in said.err) == (Exit.REFUSED, True), said
    assert await sums(feed) == before
    again = await say(*words, *at[:2])
    assert (again.code, "1 accepted" in again.out) == (Exit.OK, True), again


@pytest.mark.slow
async def test_a_broker_lost_once_the_audit_trail_knows_stops_nothing(
    at: list[str], feed: Database, own_stack: Stack, tmp_path: Path
) -> None:
    count = 60
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(), offset) for offset in range(count)])

    async def handled() -> int:
        async with feed.read() as work:
            return int((await work.all("SELECT count(*) FROM profile"))[0]["count"])

    words = ["replay", "run", file, *at, "--live", "--edited", "--confirm", PROFILE, *REASON]
    running = asyncio.create_task(say(*words, "--rate", "20/s"))
    await eventually(handled)
    await own_stack.stop("kafka", kill=True)
    try:
        meanwhile, said = await handled(), await running
    finally:
        await own_stack.start("kafka")

    assert 0 < meanwhile < count
    assert (said.code, f"{count} accepted" in said.out) == (Exit.OK, True), said
    assert await handled() == count
