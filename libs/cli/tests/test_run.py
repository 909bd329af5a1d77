"""`daira replay run`: a dump through a service's own handlers, on a throw-away database."""

import asyncio
import json
import os
import random
import signal
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import AsyncConnection

from daira_cli.exits import Exit
from daira_cli.run.running import early_by
from daira_cli.run.scratch import Checkpoint, Scratch, planned
from daira_cli.services import find
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.scratch import (
    NoScratch,
    claim_free_redis,
    claim_redis,
    create_database,
    empty_claimed_redis,
    empty_redis,
)
from daira_testing.command import Said, say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually


def profile(user_id: UUID, name: str = "Salma", revision: int = 1) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        state=ProfileState.ACTIVE,
        handle=f"h{user_id.hex[:12]}",
        display_name=name,
        created_at=now(),
        occurred_at=now() + timedelta(milliseconds=revision),
        revision=revision,
    )


@pytest.fixture
def at(stack: Endpoints, redis_url: str, mint: TokenMint, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    return ["--service", "feed", "--scratch-redis", redis_url]


async def run(*words: object) -> tuple[Said, list[dict[str, Any]], dict[str, Any]]:
    said = await say("replay", "run", *words, "--json")
    lines = [json.loads(text) for text in said.out.splitlines()]
    return said, lines[:-1], lines[-1].get("summary", {}) if lines else {}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Throw-away databases of this test's own runs: others may run on the same server."""
    names: list[str] = []
    write = Checkpoint.write

    def noted(checkpoint: Checkpoint, scratch: Scratch) -> None:
        names.append(scratch.name)
        write(checkpoint, scratch)

    monkeypatch.setattr(Checkpoint, "write", noted)
    return names


async def databases(stack: Endpoints) -> set[str]:
    async with await AsyncConnection.connect(stack.postgres_dsn("postgres")) as connection:
        rows = await (await connection.execute("SELECT datname FROM pg_database")).fetchall()
        return {row[0] for row in rows if "_replay_" in row[0]}


def final_rows(outcomes: list[dict[str, Any]], table: str, column: str) -> dict[str, Any]:
    """The last state of each row by `column`, without the time of day."""
    rows: dict[str, Any] = {}
    for outcome in outcomes:
        for change in outcome.get("changes", []):
            if change["table"] == table and change.get("new"):
                row = change["new"]
                rows[row[column]] = {name: value for name, value in row.items() if not name.endswith("_at")}
    return rows


async def test_each_record_says_what_became_of_it_and_what_it_changed(
    at: list[str], tmp_path: Path, stack: Endpoints, made: list[str]
) -> None:
    person, event = new_id(), profile(new_id())
    records = [
        dump_line(profile(person), 0),
        dump_line(event, 1),
        dump_line(event, 2),
        dump_line(profile(person, "Salma H.", 2), 3),
        dump_line(event, 4, value=b"{nonsense"),
        dump_line(event, 5, value=None),
    ]
    file = write_dump(tmp_path / "bug.jsonl", records)

    said, outcomes, summary = await run(file, *at)

    assert [one["verdict"] for one in outcomes] == ["accepted", "accepted", "duplicate", "accepted", "dlq", "accepted"]
    assert said.code == Exit.FOUND
    assert outcomes[0]["changes"][0]["table"] == "profile"
    (renamed,) = [one for one in outcomes[3]["changes"] if one["table"] == "profile"]
    assert (renamed["old"]["display_name"], renamed["new"]["display_name"]) == ("Salma", "Salma H.")
    assert outcomes[4]["failure"]["code"] == "not_decodable"
    assert summary["verdicts"] == {"accepted": 4, "duplicate": 1, "dlq": 1}
    assert made
    assert not await databases(stack) & set(made)
    assert os.listdir(tmp_path) == ["bug.jsonl"]


async def test_a_person_reads_what_changed(at: list[str], tmp_path: Path) -> None:
    person = new_id()
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(person), 0), dump_line(profile(person, "Mona", 2), 1)])

    said = await say("replay", "run", file, *at)

    assert said.code == Exit.OK
    assert "     2  accepted  user.profile-changed.v1[0]@1" in said.out
    assert "display_name: 'Salma' → 'Mona'" in said.out
    assert "2 records through feed: 2 accepted" in said.out


async def test_a_debugger_stands_in_the_handler_of_the_wanted_line(at: list[str], tmp_path: Path) -> None:
    file = write_dump(
        tmp_path / "bug.jsonl",
        [dump_line(profile(new_id(), name), n) for n, name in enumerate(["Amal", "Mona", "Nour"])],
    )

    said = await debugged("p event.display_name\nwhere\nc\n", file, *at, "--break-on", "2")

    assert "'Mona'" in said.out
    assert "remember_profile" in said.out.split("'Mona'")[0]
    assert "3 records through feed: 3 accepted" in said.out
    assert "never stopped" not in said.out


async def test_a_debugger_stands_where_a_handler_failed(at: list[str], tmp_path: Path) -> None:
    relation = RelationChangedV1(actor_id=new_id(), target_id=new_id(), follow=FollowState.FOLLOWING)
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(relation, 0, value=None, key=b"nobody:nothing")])

    said = await debugged("up\nwhere\nq\n", file, *at, "--pdb")

    assert "ValueError: badly formed hexadecimal UUID string" in said.out
    assert "forget_relation" in said.out


async def test_leaving_the_debugger_is_said_in_a_line_and_leaves_nothing(at: list[str], tmp_path: Path) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(new_id()), n) for n in range(3)])

    said = await debugged("q\n", file, *at, "--break-on", "2")

    assert said.code == Exit.INTERRUPTED
    assert "error: left the debugger; nothing of line 2 was kept [left_debugger]" in said.out
    assert "Traceback" not in said.out
    assert os.listdir(tmp_path) == ["bug.jsonl"]


async def test_a_line_at_which_no_debugger_could_stand_is_named(at: list[str], tmp_path: Path) -> None:
    event = profile(new_id())
    lines = [dump_line(event, 0), dump_line(event, 1), dump_line(event, 2, value=b"{nonsense")]
    words = ["replay", "run", write_dump(tmp_path / "bug.jsonl", lines), *at, "--break-on"]

    for duplicate_poison_or_missing in (2, 3, 9):
        said = await say(*words, duplicate_poison_or_missing)
        assert f"--break-on {duplicate_poison_or_missing} never stopped" in said.out


async def debugged(typed: str, *words: object) -> Said:
    """What a person sees who types that into the debugger."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daira_cli", "replay", "run", *map(str, words)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(child.communicate(typed.encode()), 60)
    assert child.returncode is not None
    return Said(child.returncode, out.decode(), "")


@pytest.mark.slow
async def test_killed_half_way_and_continued_it_comes_to_the_same_end(
    at: list[str], tmp_path: Path, stack: Endpoints, made: list[str]
) -> None:
    people = [new_id() for _ in range(20)]
    events = [profile(person, f"name {n}", n) for n in range(1, 6) for person in people]
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(event, n) for n, event in enumerate(events)])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert (await say("replay", "run", file, *at, "--quiet", "--result", whole)).code == Exit.OK

    words = ["replay", "run", str(file), *at, "--quiet", "--result", str(broken)]
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "daira_cli", *words, "--rate", "50/s")
    await eventually(lambda: has_lines(broken, 30), every=0.02)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    left = msgspec.json.decode((tmp_path / "bug.jsonl.feed.checkpoint").read_bytes(), type=Scratch)
    assert left.name in await databases(stack)
    made.append(left.name)

    assert not await has_lines(broken, 100)
    assert (await say(*words)).code == Exit.REFUSED  # a half-finished run is not forgotten by mistake
    said = await say(*words, "--from-checkpoint", "--json")
    assert said.code == Exit.OK
    assert json.loads(said.out.splitlines()[-1])["summary"]["verdicts"] == {"accepted": 100}
    assert (await say("replay", "diff", whole, broken)).code == Exit.OK
    assert made
    assert not await databases(stack) & set(made)
    assert sorted(os.listdir(tmp_path)) == ["broken", "bug.jsonl", "whole"]


async def test_a_record_that_died_before_the_kill_still_counts_after_it(at: list[str], tmp_path: Path) -> None:
    event = profile(new_id())
    lines = [dump_line(event, 0, value=b"{nonsense"), *(dump_line(profile(new_id()), n) for n in range(1, 20))]
    words = [write_dump(tmp_path / "bug.jsonl", lines), *at]
    await killed_after_a_record(*words)

    said, _, summary = await run(*words, "--from-checkpoint")

    assert said.code == Exit.FOUND
    assert summary["verdicts"] == {"dlq": 1, "accepted": 19}
    assert os.listdir(tmp_path) == ["bug.jsonl"]


async def test_a_run_is_continued_into_its_own_result_only(at: list[str], tmp_path: Path) -> None:
    lines = [dump_line(profile(new_id()), number) for number in range(20)]
    words = [write_dump(tmp_path / "bug.jsonl", lines), *at, "--quiet"]
    own, other, missing = tmp_path / "own", tmp_path / "other", tmp_path / "missing"
    other.write_bytes(b"somebody's notes\n" * 1_000)
    await killed_after_a_record(*words, "--result", own)

    refused = [await say("replay", "run", *words, "--from-checkpoint", "--result", file) for file in (other, missing)]
    said, _, summary = await run(*words, "--from-checkpoint", "--result", own)

    assert [(one.code, "[other_result]" in one.err) for one in refused] == [(Exit.REFUSED, True)] * 2
    assert other.read_bytes() == b"somebody's notes\n" * 1_000
    assert not missing.exists()
    assert said.code == Exit.OK
    assert summary["verdicts"] == {"accepted": 20}
    assert own.read_bytes().count(b"\n") == 21


async def test_a_run_that_wrote_no_result_does_not_begin_one_half_way(at: list[str], tmp_path: Path) -> None:
    lines = [dump_line(profile(new_id()), number) for number in range(20)]
    words = [write_dump(tmp_path / "bug.jsonl", lines), *at]
    await killed_after_a_record(*words)

    refused = await say("replay", "run", *words, "--from-checkpoint", "--result", tmp_path / "half")

    assert refused.code == Exit.REFUSED
    assert "wrote no result" in refused.err
    assert (await say("replay", "run", *words, "--from-checkpoint")).code == Exit.OK
    assert os.listdir(tmp_path) == ["bug.jsonl"]


async def test_stores_that_a_kill_left_half_made_are_made_anew(
    at: list[str], tmp_path: Path, stack: Endpoints, redis_url: str
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(new_id()), number) for number in range(3)])
    half = planned(find("feed"), sha256(file.read_bytes()).hexdigest())
    await create_database(stack.postgres_dsn("postgres"), half.name)
    await claim_redis(redis_url, half.name)
    (tmp_path / "bug.jsonl.feed.checkpoint").write_bytes(msgspec.json.encode(half))

    said, _, summary = await run(file, *at, "--from-checkpoint")

    assert said.code == Exit.OK, said.err
    assert summary["verdicts"] == {"accepted": 3}
    assert half.name not in await databases(stack)
    assert os.listdir(tmp_path) == ["bug.jsonl"]


async def test_a_redis_claimed_for_stores_that_were_never_ready_is_found_and_emptied(redis_url: str) -> None:
    owner, other = new_id().hex, new_id().hex
    claimed = await claim_free_redis(redis_url, owner)

    await empty_claimed_redis(redis_url, other)
    with pytest.raises(NoScratch):
        await claim_redis(claimed, other)
    await empty_claimed_redis(redis_url, owner)
    await claim_redis(claimed, other)

    await empty_redis(claimed, other)


async def killed_after_a_record(*words: object) -> None:
    """A run that is killed as soon as it told what became of a record."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "daira_cli", "replay", "run"),
        *(*map(str, words), "--json", "--rate", "2/s"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout
    told = await asyncio.wait_for(child.stdout.readline(), 60)
    child.send_signal(signal.SIGKILL)
    await child.communicate()
    assert json.loads(told)["line"] == 1


async def has_lines(file: Path, count: int) -> bool:
    return await asyncio.to_thread(lambda: file.exists() and file.read_bytes().count(b"\n") > count)


async def test_a_key_keeps_its_order_when_its_records_lie_in_other_partitions(at: list[str], tmp_path: Path) -> None:
    people = [new_id() for _ in range(10)]
    events = [profile(person, f"name {n}", n) for n in range(1, 6) for person in people]
    before = write_dump(tmp_path / "one", [dump_line(event, n) for n, event in enumerate(events)])
    spread = [dump_line(event, n, partition=n % 7) for n, event in enumerate(events)]
    random.Random(7).shuffle(spread)
    after = write_dump(tmp_path / "seven", spread)

    _, one, _ = await run(before, *at)
    _, seven, _ = await run(after, *at)

    assert final_rows(one, "profile", "user_id") == final_rows(seven, "profile", "user_id")
    assert len(final_rows(one, "profile", "user_id")) == len(people)
    order = {str(person): [UUID(x["eventId"]) for x in seven if x["key"] == str(person)] for person in people}
    assert order == {str(person): [e.event_id for e in events if e.user_id == person] for person in people}


async def test_a_truncated_dump_names_the_line_and_what_to_do(at: list[str], tmp_path: Path) -> None:
    lines = [dump_line(profile(new_id()), n) for n in range(3)]
    file = write_dump(tmp_path / "cut.jsonl", [*lines[:2], lines[2][:100]])

    said = await say("replay", "run", file, *at)

    assert said.code == Exit.USAGE
    assert "line 3 is cut off" in said.err
    assert "[dump_truncated]" in said.err
    assert "head -n 2 cut.jsonl" in said.err


@pytest.mark.parametrize("bad", [b"nonsense\n", b'{"topic":1}\n', b"\xff\xfe\n", b'{"topic":"x","partition":0}\n'])
async def test_a_corrupt_line_is_named(at: list[str], tmp_path: Path, bad: bytes) -> None:
    file = write_dump(tmp_path / "bad.jsonl", [dump_line(profile(new_id()), 0), bad, dump_line(profile(new_id()), 1)])

    said = await say("replay", "run", file, *at)

    assert said.code == Exit.USAGE
    assert "line 2 is no record" in said.err
    assert "→" in said.err


async def test_a_dump_that_is_not_what_its_manifest_says_is_refused_until_somebody_meant_it(
    at: list[str], tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(new_id()), 0)])
    manifest = {
        "format": "daira-dump/1",
        "createdAt": now(),
        "sha256": "0" * 64,
        "bytes": 1,
        "records": 2,
        "redacted": True,
        "filters": {},
        "partitions": [],
        "contracts": {},
    }
    (tmp_path / "bug.jsonl.manifest.json").write_bytes(msgspec.json.encode(manifest))

    refused = await say("replay", "run", file, *at)
    assert refused.code == Exit.REFUSED
    assert "1 records in place of 2" in refused.err
    assert (await say("replay", "run", file, *at, "--edited")).code == Exit.OK


async def test_topics_the_service_does_not_hear_are_named(at: list[str], tmp_path: Path) -> None:
    heard = dump_line(profile(new_id()), 0)
    foreign = heard.replace(b"user.profile-changed.v1", b"user.nobody-knows.v1")

    _, outcomes, summary = await run(write_dump(tmp_path / "both", [heard, foreign]), *at)
    nothing = await say("replay", "run", write_dump(tmp_path / "none", [foreign]), *at)

    assert sorted(one["verdict"] for one in outcomes) == ["accepted", "skipped"]
    assert summary["skippedTopics"] == {"user.nobody-knows.v1": 1}
    assert nothing.code == Exit.USAGE
    assert "[nothing_heard]" in nothing.err
    assert "user.profile-changed.v1" in nothing.err


async def test_a_version_without_an_upcast_is_named_with_the_file_to_write(at: list[str], tmp_path: Path) -> None:
    old = dump_line(profile(new_id()), 0).replace(b"user.profile-changed.v1", b"user.profile-changed.v7")
    old = old.replace(b'"handle":', b'"nick":')

    said = await say("replay", "run", write_dump(tmp_path / "old", [old]), *at)

    assert said.code == Exit.USAGE
    assert "user.profile-changed.v7" in said.err
    assert "user.profile-changed.v1" in said.err
    assert "lack handle" in said.err
    assert "contracts/src/daira_contracts/upcasting.py" in said.err


@pytest.mark.parametrize(
    ("number", "passed", "wait"),
    [(0, 0.0, 0.0), (1, 0.0, 0.02), (50, 0.25, 0.75), (50, 1.0, 0.0), (50, 9.0, 0.0)],
)
def test_a_record_waits_for_its_turn_and_time_that_was_lost_is_made_up(number: int, passed: float, wait: float) -> None:
    assert early_by(number, 50.0, passed) == pytest.approx(wait)


async def test_two_at_once_do_not_share_a_run(at: list[str], tmp_path: Path) -> None:
    lines = [dump_line(profile(new_id()), number) for number in range(200)]
    file, result = write_dump(tmp_path / "bug.jsonl", lines), tmp_path / "result"
    words = ["replay", "run", str(file), *at, "--quiet", "--result", str(result)]
    first = await asyncio.create_subprocess_exec(sys.executable, "-m", "daira_cli", *words, "--rate", "5/s")
    try:
        await eventually(lambda: has_lines(result, 1), every=0.02)
        second = await say(*words)
    finally:
        first.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(first.wait(), 60)

    assert second.code == Exit.REFUSED
    assert "another process runs" in second.err
    assert code == Exit.PARTIAL
    assert (await say(*words, "--restart")).code == Exit.OK


async def test_a_redis_that_holds_anything_is_refused(
    at: list[str], tmp_path: Path, stack: Endpoints, made: list[str]
) -> None:
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(profile(new_id()), 0)])

    said = await say("replay", "run", file, *at[:2], "--scratch-redis", f"{stack.redis_url.rsplit('/', 1)[0]}/0")

    assert said.code == Exit.REFUSED
    assert "is not empty" in said.err
    assert made
    assert not await databases(stack) & set(made)
    assert os.listdir(tmp_path) == ["bug.jsonl"]
