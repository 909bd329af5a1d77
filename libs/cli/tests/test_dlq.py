"""`daira dlq`: what a service could not handle, seen and sent to its handler again. Feed is the service here."""

import asyncio
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.log import Record
from daira_bus.producer import encode_headers
from daira_cli.dlq import again, verdict
from daira_cli.exits import Exit
from daira_contracts._event import Event
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import UserErasedV1
from daira_contracts.topics import dead_letter_name
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_contracts.video import VideoChangedV1, VideoState
from daira_devtools.stack import Stack
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_runtime.process import Process, Role, open_process
from daira_stores.operators import alone
from daira_stores.postgres import Database
from daira_testing.command import Said, say
from daira_testing.fixtures import DEFAULT_BASE, MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

BUG = "a_bug"
MANY = 150
VIDEO = VideoChangedV1.topic
POISON = Poison()
LETTERS = dead_letter_name(VIDEO, "feed")


class Feed:
    """Feed's own database and stores, and the command pointed at them."""

    def __init__(self, database: Database, probe: TopicProbe, settings: Settings, reach: list[str]) -> None:
        self.database, self.probe, self.settings, self._reach = database, probe, settings, reach

    async def dlq(self, *words: object) -> Said:
        return await say("dlq", *words, *self._reach)

    async def break_for(self, owner: UUID) -> None:
        """A migration of somebody's who did not know that such owners exist."""
        await self.run(f"ALTER TABLE video ADD CONSTRAINT {BUG} CHECK (owner_id <> '{owner}')")

    async def mend(self) -> None:
        await self.run(f"ALTER TABLE video DROP CONSTRAINT {BUG}")

    async def run(self, statement: str) -> None:
        async with self.database.work() as work:
            await work.execute(statement)

    async def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self.database.read() as work:
            return await work.all(statement, parameters)

    async def letters(self, owner: UUID) -> list[Any]:
        return [one for one in await self.probe.records(LETTERS) if str(owner).encode() in (one.value or b"")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        async with open_process("feed", self.settings, build, Role.WORKER) as process:
            yield process

    async def buried(self, *events: VideoChangedV1) -> list[str]:
        """The ids of their letters, in order, after a consumer that has the bug has seen them."""
        owner, marker = events[0].owner_id, video(new_id())
        await self.break_for(owner)
        async with self.running():
            await self.probe.publish(*events, marker)
            await eventually(lambda: self.rows("SELECT 1 FROM video WHERE video_id = %s", marker.video_id), within=60)
            await eventually(lambda: self._are_buried(owner, len(events)), within=60)
        return [f"{LETTERS}@{one.offset}" for one in await self.letters(owner)]

    async def bury(self, event: Event, error: Exception, **place: int) -> None:
        """As feed does when a handler fails on `event`, whose record is at `place`."""
        headers = encode_headers({"ce_id": str(event.event_id), "ce_type": event.topic})
        await self.bury_raw(event.topic, event.key_text().encode(), msgspec.json.encode(event), headers, error, **place)

    async def bury_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        error: Exception = POISON,
        partition: int = 0,
        offset: int = 0,
    ) -> None:
        letter = record(self.probe.prefix + topic, partition, offset, key, value, headers)
        await DeadLetters(self.probe.producer, "feed", self.probe.prefix).bury(letter, error, "handler", 1)

    async def bury_many(self, count: int) -> tuple[str, list[VideoChangedV1]]:
        """A class of error of its own, and the videos it hit."""

        class Cursed(Poison):
            code = f"cursed_{secrets.token_hex(4)}"

        events = [video(new_id()) for _ in range(count)]
        for number, event in enumerate(events):
            await self.bury(event, Cursed(), partition=number % 6, offset=1_000_000 + number)
        return Cursed.code, events

    async def start(self, *words: object) -> asyncio.subprocess.Process:
        """The command as a process of its own."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daira_cli", "dlq", *map(str, words), *self._reach),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def held(self, events: Sequence[VideoChangedV1]) -> int:
        """How many of these videos feed knows."""
        ids = [event.video_id for event in events]
        return len(await self.rows("SELECT 1 FROM video WHERE video_id = ANY(%s)", ids))

    async def check_each_once(self, code: str, events: Sequence[VideoChangedV1]) -> None:
        """Every video is there, every event was handled once, and nothing is open or has failed again."""
        assert await self.held(events) == len(events)
        ids = [event.event_id for event in events]
        assert len(await self.rows("SELECT 1 FROM inbox WHERE event_id = ANY(%s)", ids)) == len(events)
        assert [one for one in (await self.dlq("ls", "--json")).json["groups"] if one["code"] == code] == []
        headers = [dict(one.headers) for one in await self.probe.records(LETTERS)]
        assert len([one for one in headers if one.get("daira-error-code") == code.encode()]) == len(events)

    async def ids(self, event: Event) -> list[str]:
        """Of all letters about `event`."""
        topic = dead_letter_name(event.topic, "feed")
        found = [one for one in await self.probe.records(topic) if str(event.event_id).encode() in (one.value or b"")]
        return [f"{topic}@{one.offset}" for one in found]

    async def _are_buried(self, owner: UUID, count: int) -> bool:
        return len(await self.letters(owner)) >= count


@pytest_asyncio.fixture(loop_scope="session")
async def feed(
    make_database: MakeDatabase,
    probe: TopicProbe,
    redis_url: str,
    common_settings: Callable[[Database], dict[str, Any]],
    object_settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Feed:
    database = await make_database("feed")
    values = {**common_settings(database), **object_settings, "redis_url": redis_url}
    settings = Settings(**values)
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", database.dsn)
    monkeypatch.setenv("DAIRA_FEED_REDIS_URL", redis_url)
    return Feed(
        database, probe, settings, ["--stack", environment("DAIRA_STACK_BASE", DEFAULT_BASE), "--prefix", probe.prefix]
    )


def record(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
) -> Record:
    return Record(topic, partition, offset, 0, 0, key, value, None, len(key or b""), len(value or b""), headers)


def video(owner: UUID, video_id: UUID | None = None, revision: int = 1, **fields: Any) -> VideoChangedV1:
    return VideoChangedV1(
        video_id=video_id or new_id(), owner_id=owner, revision=revision, state=VideoState.PROBING, **fields
    )


async def create(probe: TopicProbe, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(probe.prefix + name, 1, 1)])
    finally:
        await admin.close()


async def test_letters_are_grouped_by_topic_class_and_handler(feed: Feed) -> None:
    owner = new_id()
    ids = await feed.buried(*(video(owner) for _ in range(3)))

    said = await feed.dlq("ls", "--service", "feed", "--json")

    group = next(one for one in said.json["groups"] if one["code"] == "CheckViolation")
    assert (group["topic"], group["handler"]) == (VIDEO, "remember_video")
    assert group["sample"] in ids
    assert group["count"] >= 3
    assert group["firstSeen"] <= group["lastSeen"]
    assert "remember_video" in (await feed.dlq("ls")).out


async def test_a_letter_shows_cause_stack_and_what_to_do_next(feed: Feed) -> None:
    owner = new_id()
    (letter,) = await feed.buried(video(owner))

    said = await feed.dlq("show", letter)

    assert said.code == Exit.OK
    assert "CheckViolation" in said.out
    assert "remember_video, attempt 1, 3 tries" in said.out
    assert "put_videos" in said.out  # of the stack
    assert str(owner) in said.out
    assert f"→ daira dlq redrive --id {letter}" in said.out


async def test_peoples_words_in_a_letter_are_shown_for_a_reason_only(feed: Feed) -> None:
    person = new_id()
    event = ProfileChangedV1(
        user_id=person, handle="salma_92", display_name="سلمى حسن", state=ProfileState.ACTIVE, created_at=now()
    )
    await feed.bury(event, Poison(f"key b'salma_92' is not '{person}'"))
    (letter,) = await feed.ids(event)

    hidden = await feed.dlq("show", letter)
    refused = await feed.dlq("show", letter, "--unredacted")
    shown = await feed.dlq("show", letter, "--unredacted", "--reason", "INC-12")

    assert str(person) in hidden.out
    assert not {"salma_92", "سلمى"} & set(re.findall(r"\w+", hidden.out))
    assert (refused.code, "salma_92" in refused.out + refused.err) == (Exit.REFUSED, False)
    assert {"salma_92", "سلمى"} <= set(re.findall(r"\w+", shown.out))
    assert f"error    poison: key b'•••••_••' is not '{person}'" in hidden.out
    assert f"error    poison: key b'salma_92' is not '{person}'" in shown.out


async def test_after_the_fix_a_redrive_gives_what_was_missing_and_leaves_nothing_open(feed: Feed) -> None:
    owner = new_id()
    event = video(owner)
    (letter,) = await feed.buried(event)
    await feed.mend()

    planned = await feed.dlq("redrive", "--id", letter, "--dry-run")
    assert (planned.code, "again" in planned.out) == (Exit.OK, True)
    assert await feed.rows("SELECT 1 FROM video WHERE video_id = %s", event.video_id) == []
    done = await feed.dlq("redrive", "--id", letter, "--yes", "--reason", "the constraint is gone", "--json")

    assert (done.code, done.json["outcomes"]) == (Exit.OK, {"handled": 1})
    assert len(await feed.rows("SELECT 1 FROM video WHERE video_id = %s", event.video_id)) == 1
    again_ = await feed.dlq("redrive", "--id", letter, "--yes")
    assert (again_.code, "letter_settled" in again_.err) == (Exit.USAGE, True)
    marks = (await feed.dlq("ls", "--settled", "--json")).json["settled"]
    mark = next(one for one in marks if one["id"] == letter)
    assert (mark["how"], mark["why"]) == ("handled", "the constraint is gone")
    assert "@" in mark["who"]


async def test_what_fails_again_comes_back_with_one_attempt_more_and_stops_at_the_cap(feed: Feed) -> None:
    owner = new_id()
    (letter,) = await feed.buried(video(owner))

    for attempt in (2, 3):
        done = await feed.dlq(
            "redrive", "--topic", VIDEO, "--class", "CheckViolation", "--id", letter, "--yes", "--json"
        )
        assert (done.code, done.json["outcomes"]) == (Exit.FOUND, {"failed again": 1})
        letter = f"{LETTERS}@{(await feed.letters(owner))[-1].offset}"
        shown = (await feed.dlq("show", letter, "--json")).json
        assert (shown["attempt"], shown["state"], shown["tries"]) == (attempt, "open", 3)
    refused = await feed.dlq("redrive", "--id", letter, "--yes", "--cap", "3", "--json")

    assert (refused.code, refused.json["outcomes"]) == (Exit.FOUND, {"refused": 1})
    assert "attempt 3 of 3" in refused.json["letters"][0]["error"]
    assert len(await feed.letters(owner)) == 3
    open_ids = [one["sample"] for one in (await feed.dlq("ls", "--json")).json["groups"]]
    assert letter in open_ids


async def test_a_state_older_than_its_topics_newest_is_superseded_and_changes_nothing(feed: Feed) -> None:
    owner, video_id = new_id(), new_id()
    (letter,) = await feed.buried(video(owner, video_id))
    await feed.mend()
    newer = video(owner, video_id, 2, duration_ms=5000)
    async with feed.running():
        await feed.probe.publish(newer)
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", video_id), within=60)
    before = await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id)

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"superseded": 1}
    assert await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id) == before
    assert before[0]["revision"] == 2


async def test_a_newer_state_that_came_after_the_look_is_kept_by_the_handler_itself(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, video_id = new_id(), new_id()
    async with feed.running():
        await feed.probe.publish(video(owner, video_id, 2))
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", video_id), within=60)
    older = video(owner, video_id, 1)
    await feed.bury(older, POISON)
    (letter,) = await feed.ids(older)

    async def saw_nothing(*_: object) -> dict[str, int]:
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(verdict, "superseded", saw_nothing)
        done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}
    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 2}]


async def test_a_removed_key_is_not_brought_back_by_its_letter(feed: Feed) -> None:
    owner, video_id = new_id(), new_id()
    (letter,) = await feed.buried(video(owner, video_id))
    await feed.mend()
    await feed.probe.producer.send(VIDEO, str(video_id).encode(), None, [])

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"superseded": 1}
    assert await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id) == []


async def test_states_of_one_key_that_died_one_after_the_other_end_in_the_newest(feed: Feed) -> None:
    owner, video_id = new_id(), new_id()
    ids = await feed.buried(*(video(owner, video_id, revision) for revision in (1, 2, 3)))
    await feed.mend()

    done = await feed.dlq("redrive", *(word for one in reversed(ids) for word in ("--id", one)), "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 3}
    assert [one["id"] for one in done.json["letters"]] == ids
    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 3}]


async def test_a_newer_letter_redriven_first_is_not_undone_by_the_older_one(feed: Feed) -> None:
    owner, video_id = new_id(), new_id()
    older, newer = await feed.buried(video(owner, video_id, 1), video(owner, video_id, 2))
    await feed.mend()

    for letter in (newer, older):
        assert (await feed.dlq("redrive", "--id", letter, "--yes")).code == Exit.OK

    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 2}]


async def test_a_fact_is_applied_once_however_often_it_is_sent_again(feed: Feed, monkeypatch: Any) -> None:
    owner = new_id()
    (letter,) = await feed.buried(video(owner))
    await feed.mend()

    async def lost(*_: object) -> None:
        raise asyncio.CancelledError  # killed after the effect, before the mark

    with monkeypatch.context() as patch:
        patch.setattr(again, "settle", lost)
        killed = await feed.dlq("redrive", "--id", letter, "--yes")
    assert (killed.code, "the same command goes on" in killed.err) == (Exit.PARTIAL, True)
    resumed = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert (resumed.code, resumed.json["outcomes"]) == (Exit.OK, {"duplicate": 1})


async def test_nothing_of_a_redrive_is_seen_in_the_records_own_topic(feed: Feed) -> None:
    (letter,) = await feed.buried(video(new_id()))
    await feed.mend()
    before = len(await feed.probe.records(VIDEO))

    await feed.dlq("redrive", "--id", letter, "--yes")

    assert len(await feed.probe.records(VIDEO)) == before


async def test_a_second_operator_is_told_who_is_at_it(feed: Feed) -> None:
    (letter,) = await feed.buried(video(new_id()))

    async with alone(feed.database.dsn, "redrive feed", "mona@laptop"):
        said = await feed.dlq("redrive", "--id", letter, "--yes")

    assert said.code == Exit.REFUSED
    assert re.search(r"done by daira redrive feed: mona@laptop, since \d\d:\d\d", said.err)
    assert (await feed.dlq("show", letter, "--json")).json["state"] == "open"


async def test_a_cause_that_is_still_there_stops_the_round_and_costs_the_rest_no_attempt(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = new_id()
    monkeypatch.setattr(again, "STOP_AFTER", 3)
    events = [video(owner) for _ in range(again.STOP_AFTER + 3)]
    await feed.buried(*events)
    ids = [letter for event in events for letter in await feed.ids(event)]

    words = [word for one in ids for word in ("--id", one)]
    said = await feed.dlq("redrive", *words, "--yes")

    assert said.code == Exit.PARTIAL
    assert "CheckViolation" in said.err
    assert "Failing row" not in said.out + said.err  # it would be somebody's
    assert len(await feed.letters(owner)) == len(ids) + again.STOP_AFTER
    shown = [(await feed.dlq("show", one, "--json")).json for one in ids]
    assert sorted(one["state"] for one in shown) == ["failed again"] * 3 + ["open"] * 3
    assert {one["attempt"] for one in shown} == {1}


async def test_a_discarded_letter_is_kept_and_closed_with_its_reason(feed: Feed) -> None:
    (letter,) = await feed.buried(video(new_id()))

    assert (await feed.dlq("discard", "--id", letter, "--yes")).code == Exit.USAGE  # without a reason
    assert (await feed.dlq("discard", "--id", letter, "--reason", "INC-12", "--dry-run")).code == Exit.OK
    assert (await feed.dlq("show", letter, "--json")).json["state"] == "open"
    done = await feed.dlq("discard", "--id", letter, "--reason", "INC-12", "--yes")

    assert done.code == Exit.OK
    shown = (await feed.dlq("show", letter, "--json")).json
    assert (shown["state"], shown["settledWhy"]) == ("discarded", "INC-12")


async def test_the_audit_trail_is_told_who_did_what_to_which_letter(feed: Feed) -> None:
    event = video(new_id())
    await feed.bury(event, POISON)
    (letter,) = await feed.ids(event)
    acts = {
        "dlq.show.unredacted": ("show", letter, "--unredacted"),
        "dlq.redrive": ("redrive", "--id", letter, "--yes"),
    }

    for act, words in acts.items():
        reason = f"INC {new_id()}"
        assert (await feed.dlq(*words, "--reason", reason)).code == Exit.OK
        told = await feed.probe.wait_for(OperatorActedV1, lambda one, reason=reason: one.reason == reason)  # type: ignore[misc]
        assert (told.act, told.subjects) == (act, (letter,))


async def test_nobody_there_to_answer_means_no(feed: Feed) -> None:
    (letter,) = await feed.buried(video(new_id()))
    for words in (("redrive",), ("discard", "--reason", "x")):
        assert (await feed.dlq(*words, "--id", letter)).code == Exit.REFUSED
    assert (await feed.dlq("redrive", "--yes")).code == Exit.USAGE  # which ones?
    assert (await feed.dlq("show", letter, "--unredacted")).code == Exit.REFUSED
    assert (await feed.dlq("show", letter + "9")).code == Exit.USAGE


async def test_a_tombstone_that_died_is_redriven_as_one(feed: Feed) -> None:
    """Its identity is its place in the log, which the letter keeps."""
    event = video(new_id())
    async with feed.running():
        await feed.probe.publish(event)
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", event.video_id), within=60)
    places = [one for one in await feed.probe.records(VIDEO) if one.key == event.key_text().encode()]
    at = {"partition": places[-1].partition, "offset": places[-1].offset + 1}
    before = len(await feed.probe.records(LETTERS))
    await feed.bury_raw(VIDEO, event.key_text().encode(), None, **at)

    done = await feed.dlq("redrive", "--id", f"{LETTERS}@{before}", "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}
    assert await feed.rows("SELECT state FROM video WHERE video_id = %s AND state <> 'REMOVED'", event.video_id) == []


async def test_letters_nobody_can_read_are_listed_shown_refused_and_can_be_discarded(feed: Feed) -> None:
    before = len(await feed.probe.records(LETTERS))
    foreign = [
        (b"\xff\xfe", b"\xff not json", [("daira-handler", b"\xff\xfe"), ("x", b"\x80")]),
        (b"k", b"[" * 3000, [("daira-original-offset", "١٢".encode()), ("daira-attempts", b"-1")]),
        (None, b"{}", []),
        (b"k", b"x" * 60_000, []),
    ]
    for key, value, headers in foreign:
        await feed.probe.producer.send(LETTERS, key, value, headers)
    ids = [f"{LETTERS}@{before + number}" for number in range(len(foreign))]

    assert (await feed.dlq("ls")).code == Exit.OK
    for one in ids:
        said = await feed.dlq("show", one)
        assert said.code == Exit.OK
        assert "it carries no trace" in said.out
    words = [word for one in ids for word in ("--id", one)]
    refused = await feed.dlq("redrive", *words, "--yes", "--json")
    assert (refused.code, refused.json["outcomes"]) == (Exit.FOUND, {"refused": len(ids)})
    assert (await feed.dlq("discard", *words, "--reason", "foreign", "--yes")).code == Exit.OK
    assert (await feed.dlq("redrive", *words, "--yes")).code == Exit.USAGE


async def test_a_letter_of_a_topic_no_contract_knows_is_kept_for_the_version_that_does(feed: Feed) -> None:
    topic = f"video.never-declared.v{secrets.randbelow(1000) + 1}"
    await create(feed.probe, dead_letter_name(topic, "feed"))
    await feed.bury_raw(topic, b"key", b"{}")

    said = await feed.dlq("redrive", "--topic", topic, "--yes", "--json")

    assert (said.code, said.json["outcomes"]) == (Exit.FOUND, {"refused": 1})
    assert "no contract knows its topic" in said.json["letters"][0]["error"]
    assert topic in (await feed.dlq("ls")).out


async def test_a_letter_brings_no_erased_person_back(feed: Feed) -> None:
    person = new_id()
    async with feed.running():
        await feed.probe.publish(UserErasedV1(user_id=person, erased_at=now()))
        await eventually(lambda: feed.rows("SELECT 1 FROM erased WHERE user_id = %s", person), within=60)
    event = video(person)
    await feed.bury(event, POISON)

    assert (await feed.dlq("redrive", "--id", *(await feed.ids(event)), "--yes")).code == Exit.OK
    assert await feed.rows("SELECT 1 FROM video WHERE owner_id = %s", person) == []


async def test_a_clock_that_was_wrong_does_not_hide_a_letter(feed: Feed) -> None:
    event = video(new_id(), occurred_at=datetime(1970, 1, 2, tzinfo=UTC))
    await feed.bury(event, POISON, partition=2)
    (letter,) = await feed.ids(event)

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}


async def test_a_key_that_was_removed_takes_its_letters_off_the_list(feed: Feed) -> None:
    event = ProfileChangedV1(
        user_id=new_id(), handle="gone", display_name="Gone", state=ProfileState.ACTIVE, created_at=now()
    )
    await feed.bury(event, POISON)
    (letter,) = await feed.ids(event)
    async with feed.running():
        await feed.probe.producer.send(event.topic, event.key_text().encode(), None, [])

        async def forgotten() -> bool:
            return bool((await feed.dlq("show", letter, "--json")).json["state"] == "forgotten")

        await eventually(forgotten, within=60)

    assert (await feed.dlq("redrive", "--id", letter, "--yes")).code == Exit.USAGE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_redrive_ended_in_the_middle_is_finished_by_the_same_command(feed: Feed, how: signal.Signals) -> None:
    code, events = await feed.bury_many(MANY)
    command = ("redrive", "--class", code, "--yes")
    first = await feed.start(*command)

    async def has_begun() -> bool:
        return await feed.held(events) >= 5

    await eventually(has_begun, within=60, every=0.02)
    first.send_signal(how)
    code_of_first = await first.wait()
    assert code_of_first in (-how, Exit.PARTIAL, Exit.OK)  # OK: it was quicker than the signal
    assert (await feed.dlq(*command)).code == Exit.OK

    await feed.check_each_once(code, events)


async def test_two_operators_at_once_do_each_letter_once(feed: Feed) -> None:
    code, events = await feed.bury_many(MANY)

    both = [await feed.start("redrive", "--class", code, "--yes") for _ in range(2)]
    codes = {await one.wait() for one in both}

    assert Exit.OK in codes
    assert codes <= {Exit.OK, Exit.REFUSED}  # whoever comes when the other has ended finds nothing to do
    await feed.check_each_once(code, events)


async def test_a_broker_that_restarts_in_the_middle_of_a_redrive_loses_and_doubles_nothing(
    own_stack: Stack, feed: Feed
) -> None:
    code, events = await feed.bury_many(MANY)
    command = ("redrive", "--class", code, "--yes")
    running = await feed.start(*command)

    async def has_begun() -> bool:
        return await feed.held(events) >= 5

    await eventually(has_begun, within=60, every=0.02)
    await own_stack.stop("kafka", kill=True)
    await own_stack.start("kafka")
    if await running.wait() != Exit.OK:
        assert (await feed.dlq(*command)).code == Exit.OK

    await feed.check_each_once(code, events)
