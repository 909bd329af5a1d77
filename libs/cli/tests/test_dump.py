"""`daira replay dump`: what a topic holds, as a file."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from daira_bus.log import open_log
from daira_cli.dump.lines import Line
from daira_cli.exits import Exit
from daira_contracts.feed import PostChangedV1
from daira_contracts.moderation import WordlistChangedV1
from daira_contracts.user import ProfileChangedV1, ProfileState, SettingsChangedV1
from daira_contracts.video import ProgressReportedV1
from daira_kit.clock import now
from daira_kit.ids import id_time, new_id
from daira_testing.command import say
from daira_testing.projection import Topics, own_topics
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

PROFILE, SETTINGS = ProfileChangedV1.topic, SettingsChangedV1.topic
ENDS = ("", ".manifest.json")
RAW = ["--unredacted", "--reason", "a test of its own records"]


@pytest.fixture
def reach(probe: TopicProbe) -> list[str]:
    return ["--bootstrap", probe.bootstrap, "--prefix", probe.prefix]


@pytest_asyncio.fixture(loop_scope="session")
async def many(probe: TopicProbe) -> AsyncIterator[Topics]:
    """Records for some seconds, in topics of their own: the services of other tests read theirs from the beginning."""
    async with own_topics(probe.bootstrap) as topics:
        await topics.publish([progress() for _ in range(40_000)])
        yield topics


@pytest_asyncio.fixture(loop_scope="session")
async def begins(probe: TopicProbe) -> AsyncIterator[dict[str, int]]:
    """End offsets before the test, so that it looks at its own records only."""
    async with open_log(probe.bootstrap, probe.prefix) as log:
        yield {f"{span.topic}/{span.partition}": span.end for span in await log.spans([PROFILE, SETTINGS])}


async def daira(*arguments: object) -> int:
    return (await say(*map(str, arguments))).code


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def since(begins: dict[str, int], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in found if line["offset"] >= begins[f"{line['topic']}/{line['partition']}"]]


def profile(user_id: UUID, handle: str = "salma_92", bio: str = "مرحبا يا @salma_92") -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        state=ProfileState.ACTIVE,
        handle=handle,
        display_name="Salma Hassan",
        bio=bio,
        created_at=now(),
    )


async def test_a_dump_holds_each_record_and_its_manifest_proves_it(
    probe: TopicProbe, reach: list[str], tmp_path: Path, begins: dict[str, int]
) -> None:
    events = [SettingsChangedV1(user_id=new_id()) for _ in range(50)]
    await probe.publish(*events)
    file = tmp_path / "bug.jsonl"

    printed = await say("replay", "dump", SETTINGS, "-o", file, *reach)

    assert printed.code == Exit.OK
    found = since(begins, lines(file))
    assert sorted(dict(line["headers"])["ce_id"] for line in found) == sorted(str(event.event_id) for event in events)
    assert {line["value"]["eventId"] for line in found} == {str(event.event_id) for event in events}
    manifest = json.loads((tmp_path / "bug.jsonl.manifest.json").read_text())
    assert manifest["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert manifest["records"] == len(lines(file)) == sum(part["records"] for part in manifest["partitions"])
    assert manifest["contracts"][SETTINGS]["version"] == "v1"
    assert names_in(tmp_path) == {"bug.jsonl", "bug.jsonl.manifest.json"}
    assert "\x1b" not in printed.out + printed.err
    assert [row.split()[:2] for row in printed.out.splitlines()[1:7]] == [[SETTINGS, str(n)] for n in range(6)]


async def test_people_are_hidden_and_keys_still_join(
    probe: TopicProbe, reach: list[str], tmp_path: Path, begins: dict[str, int]
) -> None:
    person = new_id()
    await probe.publish(profile(person), SettingsChangedV1(user_id=person))
    file = tmp_path / "two.jsonl"

    assert await daira("replay", "dump", PROFILE, SETTINGS, "-o", file, *reach) == Exit.OK

    text = file.read_text()
    assert str(person) not in text
    assert "salma" not in text.lower()
    assert "Hassan" not in text
    assert "مرحبا" not in text
    shown, chosen = since(begins, lines(file))
    assert shown["key"] == shown["value"]["userId"] == chosen["key"] == chosen["value"]["userId"]
    assert id_time(UUID(shown["key"])) == id_time(person)
    assert shown["value"]["bio"].endswith("@" + shown["value"]["handle"])
    assert shown["value"]["state"] == "ACTIVE"
    assert len(shown["value"]["displayName"]) == len("Salma Hassan")


async def test_a_dry_run_says_what_would_be_read_and_hidden_and_writes_nothing(
    probe: TopicProbe, reach: list[str], tmp_path: Path
) -> None:
    await probe.publish(profile(new_id()), SettingsChangedV1(user_id=new_id()))

    planned = await say("replay", "dump", PROFILE, SETTINGS, "-o", tmp_path / "x", "--dry-run", "--json", *reach)

    assert (planned.code, names_in(tmp_path)) == (Exit.OK, set())
    ends = [(one["topic"], one["partition"], one["to"]) for one in planned.json["partitions"]]
    async with open_log(probe.bootstrap, probe.prefix) as log:
        assert ends == [(one.topic, one.partition, one.end) for one in await log.spans([PROFILE, SETTINGS])]
    assert planned.json["records"] == sum(one["records"] for one in planned.json["partitions"])
    assert planned.json["hidden"][PROFILE] == "ids and words: personal by its contract"
    assert planned.json["hidden"][SETTINGS] == "ids: pseudonymous by its contract"
    told = await say("replay", "dump", PROFILE, "-o", tmp_path / "x", "--dry-run", *reach)
    assert (told.code, "nothing was written" in told.out) == (Exit.OK, True)


async def test_a_terminal_sees_a_bar_with_rate_and_time_left(probe: TopicProbe, many: Topics, tmp_path: Path) -> None:
    reach = ["--bootstrap", probe.bootstrap, "--prefix", many.prefix]
    command = ["replay", "dump", ProgressReportedV1.topic, "-o", str(tmp_path / "x"), *reach]
    terminal, side = os.openpty()
    environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daira_cli", *command), stdout=asyncio.subprocess.DEVNULL, stderr=side, env=environ
    )
    os.close(side)

    shown = await asyncio.to_thread(read_all, terminal)

    assert await child.wait() == Exit.OK
    bar = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).decode()
    assert re.search(r"reading .*[\d,]+/[\d,]+ +[\d,]+/s +\d+:\d\d:\d\d", bar), bar


def read_all(terminal: int) -> bytes:
    shown = b""
    with suppress(OSError):  # what Linux says when the other side of a terminal is closed
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown


async def test_one_salt_gives_one_pseudonym_in_every_dump_and_another_salt_another(
    probe: TopicProbe, reach: list[str], tmp_path: Path
) -> None:
    await probe.publish(profile(new_id()))
    for name, salt in (("a", "x"), ("b", "x"), ("c", "y")):
        assert await daira("replay", "dump", PROFILE, "-o", tmp_path / name, "--salt", salt, *reach) == Exit.OK

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def progress() -> ProgressReportedV1:
    return ProgressReportedV1(video_id=new_id(), owner_id=new_id(), stage="LADDER", percent=40)


async def test_what_is_no_event_keeps_its_bytes(
    probe: TopicProbe, reach: list[str], tmp_path: Path, begins: dict[str, int]
) -> None:
    odd: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
        (b"tombstone", None, []),
        (b"null", b"null", []),
        (b"\xff\xfe", b"\xff{", [("trace", b"\xc3\x28"), ("text", b"fine")]),
        (b"pretty", b'{"pretty":\n1}', []),
        (b"large", b'"' + b"x" * 60_000 + b'"', []),
    ]
    for key, value, headers in odd:
        await probe.producer.send(PROFILE, key, value, headers)
    file = tmp_path / "odd.jsonl"

    assert await daira("replay", "dump", PROFILE, "-o", file, *RAW, *reach) == Exit.OK

    read = [msgspec.json.decode(line, type=Line) for line in file.read_bytes().splitlines()]
    mine = [line for line in read if line.offset >= begins[f"{PROFILE}/{line.partition}"]]
    found = {(line.key_bytes, line.value_bytes): line.header_bytes for line in mine}
    assert found == {(key, value): headers for key, value, headers in odd}


async def test_a_record_as_large_as_a_broker_takes_is_one_line(
    probe: TopicProbe, reach: list[str], tmp_path: Path
) -> None:
    value = b'{"listId":"' + b"x" * 990_000 + b'"}'
    await probe.producer.send(WordlistChangedV1.topic, b"large", value, [])
    file = tmp_path / "large.jsonl"

    assert await daira("replay", "dump", WordlistChangedV1.topic, "--key", "large", "-o", file, *reach) == Exit.OK

    (line,) = file.read_bytes().splitlines()
    assert msgspec.json.decode(line, type=Line).value_bytes == value


async def test_a_record_larger_than_we_ever_write_is_one_line_too(
    probe: TopicProbe, reach: list[str], tmp_path: Path
) -> None:
    topic = f"odd{new_id().hex[-8:]}.large.v1"
    name, value = probe.prefix + topic, b'"' + b"x" * 6_000_000 + b'"'
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "8000000"})])
        async with AIOKafkaProducer(bootstrap_servers=probe.bootstrap, max_request_size=8_000_000) as producer:
            for content in (b'"before"', value, b'"after"'):
                await producer.send_and_wait(name, content, key=b"key")
        file = tmp_path / "large.jsonl"

        assert await daira("replay", "dump", topic, "-o", file, *RAW, *reach) == Exit.OK

        read = [msgspec.json.decode(line, type=Line).value_bytes for line in file.read_bytes().splitlines()]
        assert read == [b'"before"', value, b'"after"']
    finally:
        await admin.delete_topics([name])
        await admin.close()


async def test_poison_is_hidden_too(
    probe: TopicProbe, reach: list[str], tmp_path: Path, begins: dict[str, int]
) -> None:
    poison = json.dumps({"userId": "salma@example.org", "phone": 201001234567, "handle": 5, "nested": {"salma": "x"}})
    await probe.producer.send(PROFILE, b"salma", poison.encode(), [("note", b"salma called")])
    await probe.producer.send(PROFILE, b"salma", b"salma \xff", [("note", b"salma \xff")])
    file = tmp_path / "poison.jsonl"

    assert await daira("replay", "dump", PROFILE, "-o", file, *reach) == Exit.OK

    mine = since(begins, lines(file))
    assert "salma" not in json.dumps(mine)
    assert "201001234567" not in json.dumps(mine)
    assert mine[0]["value"]["handle"] == 5


async def test_a_key_by_a_field_that_the_topic_has_not_is_refused_and_names_those_it_has(
    reach: list[str], tmp_path: Path
) -> None:
    said = await say("replay", "dump", PROFILE, "--key", "video:42", "-o", tmp_path / "x", *reach)

    assert (said.code, "[no_such_field]" in said.err, "userId" in said.err) == (Exit.USAGE, True, True)
    assert names_in(tmp_path) == set()


async def test_records_are_chosen_by_key_header_and_time(probe: TopicProbe, reach: list[str], tmp_path: Path) -> None:
    person, clock = new_id(), now()
    await probe.publish(profile(person), profile(new_id()))
    await probe.producer.send(PROFILE, b"odd", b"{}", [("origin", b"console")])

    async def taken(name: str, *arguments: object) -> int:
        file = tmp_path / name
        assert await daira("replay", "dump", PROFILE, "-o", file, *arguments, *RAW, *reach) == Exit.OK
        return len(lines(file))

    assert await taken("by-field", "--key", f"user:{person}") == 1
    assert await taken("by-part", "--key", person) == 1
    assert await taken("by-header", "--header", "origin=console", "--since", clock.isoformat()) == 1
    assert await taken("by-other-header", "--header", "origin=nowhere") == 0
    assert await taken("since", "--since", clock.isoformat()) == 3
    assert await taken("until", "--until", (clock - timedelta(days=1)).isoformat()) == 0


async def test_records_whose_clock_is_behind_are_found_by_their_own_time_and_told(
    probe: TopicProbe, reach: list[str], tmp_path: Path
) -> None:
    clock = now()
    early, late = (int((clock + timedelta(days=days)).timestamp() * 1000) for days in (-40, -20))
    topic = probe.prefix + PostChangedV1.topic
    async with AIOKafkaProducer(bootstrap_servers=probe.bootstrap) as producer:
        for stamp in (late, early):
            await producer.send_and_wait(topic, b"{}", key=b"skewed", partition=0, timestamp_ms=stamp)
    file = tmp_path / "skew.jsonl"
    window = ["--since", clock - timedelta(days=41), "--until", clock - timedelta(days=39)]

    said = await say("replay", "dump", PostChangedV1.topic, "-o", file, *map(_iso, window), *reach)

    assert [line["timestamp"] for line in lines(file)] == [early]
    assert "clocks differ" in said.err


async def test_an_unknown_topic_is_a_usage_error_that_says_what_to_do(reach: list[str], tmp_path: Path) -> None:
    said = await say("replay", "dump", "user.nobody.v1", "-o", tmp_path / "x", *reach)

    assert said.code == Exit.USAGE
    printed = said.err
    assert "user.nobody.v1" in printed
    assert "[unknown_topic]" in printed
    assert "→ daira contracts ls" in printed
    assert names_in(tmp_path) == set()


async def test_people_are_shown_only_for_a_reason(reach: list[str], tmp_path: Path) -> None:
    said = await say("replay", "dump", PROFILE, "-o", tmp_path / "x", "--unredacted", *reach)

    assert said.code == Exit.USAGE
    assert "needs a reason" in said.err


async def test_a_dump_is_not_overwritten(reach: list[str], tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    file.write_text("mine\n")

    assert await daira("replay", "dump", SETTINGS, "-o", file, *reach) == Exit.REFUSED
    assert file.read_text() == "mine\n"
    assert await daira("replay", "dump", SETTINGS, "-o", file, "--restart", *reach) == Exit.OK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.slow
async def test_an_interrupted_dump_ends_as_the_same_file(
    probe: TopicProbe, many: Topics, tmp_path: Path, number: signal.Signals
) -> None:
    reach = ["--bootstrap", probe.bootstrap, "--prefix", many.prefix]
    wish = ["replay", "dump", ProgressReportedV1.topic, "--salt", "s", *reach]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert await daira(*wish, "-o", whole) == Exit.OK

    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "daira_cli", *wish, "-o", str(broken))
    await eventually(lambda: _grown(tmp_path / "broken.part"), every=0.005)
    child.send_signal(number)
    code = await child.wait()

    assert not broken.exists()
    assert code == (Exit.PARTIAL if number == signal.SIGINT else -signal.SIGKILL)
    assert await daira(*wish, "-o", broken, "--since", "1d") == Exit.REFUSED  # not what was begun
    await many.publish([progress()])  # what comes meanwhile is not part of it
    assert await daira(*wish, "-o", broken) == Exit.OK
    assert broken.read_bytes() == whole.read_bytes()
    assert names_in(tmp_path) == {f"{name}{end}" for name in ("whole", "broken") for end in ENDS}


async def test_two_at_once_do_not_write_one_file(reach: list[str], tmp_path: Path) -> None:
    file = tmp_path / "shared"
    words = ["replay", "dump", SETTINGS, "-o", str(file)]
    # The first is kept waiting for as long as the test needs by a broker that takes a call and never answers.
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        first = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "daira_cli", *words, "--bootstrap", f"127.0.0.1:{port}"
        )
        try:
            await eventually(lambda: _exists(tmp_path / "shared.part"), every=0.02)
            second = await say(*words, *reach)
        finally:
            first.kill()
            await first.wait()

    assert second.code == Exit.REFUSED
    assert "another process is writing" in second.err
    assert "→ wait for it, or choose another -o" in second.err
    assert (await say(*words, *reach)).code == Exit.OK  # a lock dies with its process


async def _exists(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


async def _grown(path: Path) -> bool:
    return await asyncio.to_thread(lambda: path.exists() and path.stat().st_size > 0)


def _iso(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else value
