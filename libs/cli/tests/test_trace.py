"""`daira trace`: who caused what, from topics and dead letters alone, and from the services' logs."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.log import Record
from daira_bus.producer import encode_headers
from daira_cli.exits import Exit
from daira_cli.trace.drawing import draw
from daira_cli.trace.nodes import Kind, Node, State
from daira_cli.trace.tree import Tree, plant
from daira_contracts._event import Event
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_contracts.user import SettingsChangedV1
from daira_contracts.video import VideoChangedV1, VideoState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_testing.command import Said, say
from daira_testing.fixtures import DEFAULT_BASE, MakeDatabase
from daira_testing.topics import TopicProbe

START = datetime(2026, 11, 22, 18, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Story:
    """One trace as a request and the services after it leave it behind."""

    def __init__(self, probe: TopicProbe, logs: Path) -> None:
        self.probe, self.logs, self.trace_id = probe, logs, secrets.token_hex(16)
        self.events: list[Event] = []

    async def tell(self, event: Event, span: str = "", cause: UUID | None = None) -> Record:
        """A record sent from `span`; the place where it lies."""
        value, key = msgspec.json.encode(event), event.key_text().encode()
        await self.probe.producer.send(event.topic, key, value, encode_headers(self.headers(event, span, cause)))
        return [one for one in await self.probe.records(event.topic) if one.value == value][-1]

    def headers(self, event: Event, span: str = "", cause: UUID | None = None) -> dict[str, str]:
        parent = f"00-{self.trace_id}-{span or secrets.token_hex(8)}-01"
        told = {"ce_id": str(event.event_id), "ce_type": event.topic, "traceparent": parent}
        return told | ({"daira-cause": str(cause)} if cause else {})

    async def bury(self, record: Record, service: str = "feed") -> None:
        await DeadLetters(self.probe.producer, service, self.probe.prefix).bury(record, Poison(), "remember_video", 3)

    def log(self, service: str, event: str, span: str, parent: str = "", **fields: Any) -> None:
        line = {"event": event, "service": service, "trace_id": self.trace_id, "span_id": span, "parent_id": parent}
        line |= {"timestamp": now().isoformat(), "level": "info", **fields}
        with (self.logs / f"{service}.log").open("a") as file:
            file.write(json.dumps(line) + "\n")

    async def trace(self, word: object, *words: object) -> Said:
        reach = ["--bootstrap", self.probe.bootstrap, "--prefix", self.probe.prefix]
        return await say("trace", word, *words, *reach)


@pytest.fixture
def story(probe: TopicProbe, tmp_path: Path) -> Story:
    return Story(probe, tmp_path)


def video() -> VideoChangedV1:
    return VideoChangedV1(video_id=new_id(), owner_id=new_id(), state=VideoState.PROBING)


def verdict() -> VerdictReachedV1:
    return VerdictReachedV1(
        subject_type=SubjectType.POST, subject_id=str(new_id()), subject_revision=1, decision=Decision.APPROVED
    )


async def test_topics_and_dead_letters_alone_show_who_caused_what_and_where_it_died(story: Story) -> None:
    first, second = video(), verdict()
    told = await story.tell(first)
    await story.tell(second, cause=first.event_id)
    await story.bury(told)

    said = await story.trace(first.event_id, "--json")

    assert said.code == Exit.FOUND
    (found,) = said.json["traces"]
    assert found["traceId"] == story.trace_id
    root, *effects = found["nodes"]
    assert (root["node"]["eventId"], root["parent"]) == (str(first.event_id), None)
    assert {one["parent"] for one in effects} == {root["node"]["id"]}
    assert {one["node"]["kind"] for one in effects} == {"record", "letter"}
    assert found["failed"].startswith(f"{VideoChangedV1.topic}.dlq.feed@")


async def test_a_trace_is_found_by_whatever_somebody_has_of_it(story: Story) -> None:
    event, request_id = video(), str(new_id())
    told = await story.tell(event)
    await story.bury(told)
    story.log("feed", "request", "a" * 16, method="POST", route="/v1/posts", status=201, request_id=request_id, ms=3)
    letters = await story.probe.records(f"{event.topic}.dlq.feed")
    letter = next(f"{event.topic}.dlq.feed@{one.offset}" for one in letters if one.value == told.value)
    problem = json.dumps({"type": "about:blank", "code": "internal_error", "requestId": request_id})
    parent = dict(told.headers)["traceparent"].decode()

    for word in (story.trace_id, parent, event.event_id, event.video_id, letter, request_id, problem):
        said = await story.trace(word, "--logs", story.logs, "--json")
        assert [one["traceId"] for one in said.json["traces"]] == [story.trace_id], word


async def test_the_logs_add_requests_handlers_and_jobs_with_their_times_between_the_records(story: Story) -> None:
    first, second = video(), verdict()
    request, handled, job = "1" * 16, "2" * 16, "3" * 16
    story.log("video", "request", request, method="POST", route="/v1/posts", status=201, ms=12.5)
    told = await story.tell(first, request)
    story.log("feed", "record_handled", handled, request, handler="remember_video", outcome="handled", ms=4, **at(told))
    story.log("feed", "job_done", job, handled, kind="fan-out", key="k", ms=9, attempts=1)
    await story.tell(second, job)

    said = await story.trace(story.trace_id, "--logs", story.logs, "--json")

    (found,) = said.json["traces"]
    assert [one["node"]["kind"] for one in found["nodes"]] == ["request", "record", "handled", "job", "record"]
    chain = [one["node"]["id"] for one in found["nodes"]]
    assert [one["parent"] for one in found["nodes"]] == [None, *chain[:-1]]
    assert found["services"] == ["video", "feed", "moderation"]
    assert (said.code, found["failed"]) == (Exit.OK, None)


async def test_the_one_red_node_is_the_handler_that_gave_up_and_names_its_letter(story: Story) -> None:
    event, span = video(), "2" * 16
    told = await story.tell(event)
    story.log("feed", "handler_retries", span, handler="remember_video", error="ValueError()", wait_s=0.1, **at(told))
    story.log("feed", "record_dead", span, handler="remember_video", error="ValueError('no')", **at(told))
    await story.bury(told)

    said = await story.trace(event.event_id, "--logs", story.logs)

    assert said.code == Exit.FOUND
    assert "✗ feed: remember_video: dead: ValueError('no')" in said.out
    assert f"→ daira dlq show {event.topic}.dlq.feed@" in said.out
    assert said.out.count("feed  remember_video") == 1  # retries and death are one node


async def test_what_was_discarded_is_not_red_any_more(
    story: Story, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", (await make_database()).dsn)
    event = video()
    told = await story.tell(event)
    story.log("feed", "record_dead", "2" * 16, handler="remember_video", error="ValueError()", **at(told))
    await story.bury(told)
    letter = (await story.trace(event.event_id, "--json")).json["traces"][0]["failed"]
    reach = ["--stack", environment("DAIRA_STACK_BASE", DEFAULT_BASE), "--prefix", story.probe.prefix]
    assert (await say("dlq", "discard", "--id", letter, "--reason", "INC-12", "--yes", *reach)).code == Exit.OK

    said = await story.trace(event.event_id, "--logs", story.logs)

    assert (said.code, "nothing failed" in said.out) == (Exit.OK, True)
    assert f"✓ feed  dead letter {letter}: discarded by" in said.out


async def test_an_error_code_shows_the_newest_of_its_traces_and_counts_the_rest(story: Story) -> None:
    code = f"never_seen_{secrets.token_hex(4)}"
    for number in range(3):
        story.trace_id = secrets.token_hex(16)
        story.log("feed", "request", f"{number:016x}", method="GET", route="/v1/x", status=404, code=code, ms=1)

    said = await story.trace(code, "--logs", story.logs, "--json")

    assert [one["traceId"] for one in said.json["traces"]] == [story.trace_id]
    assert len(said.json["others"]) == 2
    assert (said.code, said.json["traces"][0]["failed"]) == (Exit.FOUND, f"request {2:016x}")


async def test_a_refused_request_is_the_red_node_of_whoever_asks_for_it_and_of_nobody_else(story: Story) -> None:
    """A client's own ids may have the shape of a trace id."""
    request_id, code = secrets.token_hex(16), f"not_yet_{secrets.token_hex(4)}"
    fields: dict[str, Any] = {"method": "GET", "ms": 1, "request_id": request_id}
    story.log("feed", "request", "1" * 16, route="/v1/posts/{post}", status=404, code=code, **fields)
    story.log("feed", "request", "2" * 16, route="/v1/circle", status=200, **fields)
    problem = json.dumps({"type": "about:blank", "code": code, "requestId": request_id})

    for word in (code, request_id, problem):
        said = await story.trace(word, "--logs", story.logs)
        assert said.code == Exit.FOUND, word
        assert f"✗ feed: GET /v1/posts/{{post}} → 404: {code}" in said.out
        assert said.out.count("✗") == 2  # the node, and the last word
    assert (await story.trace(story.trace_id, "--logs", story.logs)).code == Exit.OK


async def test_a_trace_that_died_is_shown_before_a_newer_one_of_the_same_key(story: Story) -> None:
    event, died = video(), story.trace_id
    await story.bury(await story.tell(event))
    story.trace_id = secrets.token_hex(16)
    await story.tell(msgspec.structs.replace(event, event_id=new_id(), revision=event.revision + 1))

    said = await story.trace(event.video_id, "--json")

    assert (said.code, [one["traceId"] for one in said.json["traces"]]) == (Exit.FOUND, [died])
    assert said.json["others"] == [story.trace_id]


async def test_a_record_without_a_trace_is_shown_with_its_letters(story: Story) -> None:
    event = SettingsChangedV1(user_id=new_id())
    await story.probe.publish(event)
    record = next(one for one in await story.probe.records(event.topic) if one.key == str(event.user_id).encode())
    await story.bury(record)

    said = await story.trace(event.event_id)

    assert said.code == Exit.FOUND
    assert f"{event.topic} {record.partition}:{record.offset}" in said.out
    assert "dead letter" in said.out


async def test_a_foreign_record_without_any_header_is_found_by_its_key(story: Story) -> None:
    key = str(new_id())
    await story.probe.producer.send(SettingsChangedV1.topic, key.encode(), b"\xff not ours", [])

    said = await story.trace(key)

    assert (said.code, f"{SettingsChangedV1.topic} " in said.out) == (Exit.OK, True)


async def test_what_nobody_knows_is_said_with_where_else_to_look(story: Story) -> None:
    said = await story.trace(secrets.token_hex(16))
    assert (said.code, "--logs FOLDER" in said.err) == (Exit.USAGE, True)
    assert (await story.trace("x", "--logs", story.logs / "nowhere")).code == Exit.USAGE


async def test_logs_with_foreign_prefixes_and_broken_lines_are_read(story: Story) -> None:
    event, request = video(), "1" * 16
    await story.tell(event, request)
    line: dict[str, Any] = {"event": "request", "trace_id": story.trace_id, "span_id": request, "service": "feed"}
    line |= {"method": "POST", "route": "/v1/posts", "status": 201, "ms": 3, "timestamp": now().isoformat()}
    broken = [f'{{"event": "request", "trace_id": "{story.trace_id}"', f'["{story.trace_id}"]', "\x00\x01"]
    text = "\n".join(["[pod/feed-1/feed] " + json.dumps(line), *broken])
    (story.logs / "pods.log").write_bytes(text.encode() + b"\n\xff\xfe" + story.trace_id.encode())

    said = await story.trace(story.trace_id, "--logs", story.logs, "--json")

    assert [one["node"]["kind"] for one in said.json["traces"][0]["nodes"]] == ["request", "record"]


def at(record: Record) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def node(id: str, seconds: float = 0, **fields: Any) -> Node:
    held = {"kind": Kind.RECORD, "service": "feed", "what": id, **fields}
    return Node(id=id, at=START + timedelta(seconds=seconds), **held)


def test_a_circle_of_causes_ends() -> None:
    nodes = [node("a", event_id="1"), node("b", 1, event_id="2")]
    tree = plant(nodes, {"a": "2", "b": "1"})
    assert {one.id for _, one in tree.walk()} == {"a", "b"}


def test_clocks_that_differ_are_named_and_do_not_turn_the_tree_around() -> None:
    nodes = [node("cause", 10, event_id="1"), node("effect", 2, event_id="2")]
    tree = plant(nodes, {"effect": "1"})
    assert [one.id for _, one in tree.walk()] == ["cause", "effect"]
    assert tree.skew() == timedelta(seconds=8)
    assert any("clocks differ by at least 8.0 s" in text for text, _ in draw(TRACE, tree))


def test_only_the_first_failure_is_red() -> None:
    failed = [node(id, at, kind=Kind.JOB, span=id, state=State.FAILED) for id, at in (("late", 5.0), ("early", 1.0))]
    tree = plant(failed, {})
    assert tree.failed is not None
    assert tree.failed.id == "early"
    assert [style for _, style in draw(TRACE, tree)].count("bold red") == 2  # the node, and the last word


def test_a_deep_tree_needs_no_deep_stack() -> None:
    nodes = [node(str(number), number, event_id=str(number)) for number in range(5_000)]
    tree: Tree = plant(nodes, {str(number): str(number - 1) for number in range(1, 5_000)})
    assert tree.walk()[-1][0] == 4_999
