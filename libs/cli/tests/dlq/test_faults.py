"""Dead letters nobody can read, two operators at once, and rounds that end in the middle."""

import asyncio
import re
import secrets
import signal
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_cli.dlq import again
from daira_cli.exits import Exit
from daira_contracts.auth import UserErasedV1
from daira_contracts.topics import dead_letter_name
from daira_contracts.video import VideoChangedV1
from daira_devtools.stack import Stack
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.operators import alone
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

MANY = 150
VIDEO = VideoChangedV1.topic
POISON = Poison()
LETTERS = dead_letter_name(VIDEO, "feed")


async def create(probe: TopicProbe, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(probe.prefix + name, 1, 1)])
    finally:
        await admin.close()


async def test_a_dry_run_says_what_the_redrive_does_whatever_another_service_buried(feed: Any) -> None:
    owner, video_id = new_id(), new_id()
    older, newer = feed.video(owner, video_id), feed.video(owner, video_id, 2)
    await feed.probe.publish(older, newer)
    first, second = [one for one in await feed.probe.records(VIDEO) if one.key == str(video_id).encode()]
    await feed.bury(older, POISON, partition=first.partition, offset=first.offset)
    await DeadLetters(feed.probe.producer, "media", feed.probe.prefix).bury(second, POISON, "handler", 1)
    (letter,) = await feed.ids(older)

    planned = await feed.dlq("redrive", "--id", letter, "--dry-run", "--json")
    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert [one["does"] for one in planned.json["plan"]] == ["superseded"]
    assert done.json["outcomes"] == {"superseded": 1}


async def test_a_fact_is_applied_once_however_often_it_is_sent_again(feed: Any, monkeypatch: Any) -> None:
    owner = new_id()
    (letter,) = await feed.buried(feed.video(owner))
    await feed.mend()

    async def lost(*_: object) -> None:
        raise asyncio.CancelledError  # killed after the effect, before the mark

    with monkeypatch.context() as patch:
        patch.setattr(again, "settle", lost)
        killed = await feed.dlq("redrive", "--id", letter, "--yes")
    assert (killed.code, "the same command goes on" in killed.err) == (Exit.PARTIAL, True)
    resumed = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert (resumed.code, resumed.json["outcomes"]) == (Exit.OK, {"duplicate": 1})


async def test_a_second_operator_is_told_who_is_at_it(feed: Any) -> None:
    (letter,) = await feed.buried(feed.video(new_id()))

    async with alone(feed.database.dsn, "redrive feed", "mona@laptop"):
        said = await feed.dlq("redrive", "--id", letter, "--yes")

    assert said.code == Exit.REFUSED
    assert re.search(r"done by daira redrive feed: mona@laptop, since \d\d:\d\d", said.err)
    assert (await feed.dlq("show", letter, "--json")).json["state"] == "open"


async def test_a_cause_that_is_still_there_stops_the_round_and_costs_the_rest_no_attempt(
    feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = new_id()
    monkeypatch.setattr(again, "STOP_AFTER", 3)
    events = [feed.video(owner) for _ in range(again.STOP_AFTER + 3)]
    await feed.buried(*events)
    ids = [letter for event in events for letter in await feed.ids(event)]

    words = [word for one in ids for word in ("--id", one)]
    said = await feed.dlq("redrive", *words, "--yes", "--json")

    assert said.code == Exit.PARTIAL
    first, second = map(msgspec.json.decode, said.out.splitlines())  # what was done, then why it stopped
    assert (first["outcomes"], len(first["letters"])) == ({"failed again": 3}, 3)
    assert second["error"]["code"] == "partial"
    assert "CheckViolation" in said.err
    assert "Failing row" not in said.out + said.err  # it would be somebody's
    assert len(await feed.letters(owner)) == len(ids) + again.STOP_AFTER
    shown = [(await feed.dlq("show", one, "--json")).json for one in ids]
    assert sorted(one["state"] for one in shown) == ["failed again"] * 3 + ["open"] * 3
    assert {one["attempt"] for one in shown} == {1}


async def test_a_letter_that_was_redriven_while_somebody_thought_of_discarding_it_stays_handled(feed: Any) -> None:
    owner = new_id()
    letter, other = await feed.buried(feed.video(owner), feed.video(owner))
    await feed.mend()
    words = ("discard", "--id", letter, "--id", other, "--reason", "INC-12")

    async with feed.asking(*words) as (process, answer):
        assert (await feed.dlq("redrive", "--id", letter, "--yes")).code == Exit.OK
        answer("y")
        said, _ = await process.communicate()

    assert (process.returncode, b"1 were settled meanwhile" in said) == (Exit.OK, True)
    states = [(await feed.dlq("show", one, "--json")).json["state"] for one in (letter, other)]
    assert states == ["handled", "discarded"]


async def test_nobody_discards_while_another_operator_is_at_the_letters(feed: Any) -> None:
    (letter,) = await feed.buried(feed.video(new_id()))

    async with alone(feed.database.dsn, "redrive feed", "mona@laptop"):
        said = await feed.dlq("discard", "--id", letter, "--reason", "INC-12", "--yes")

    assert (said.code, "mona@laptop" in said.err) == (Exit.REFUSED, True)
    assert (await feed.dlq("show", letter, "--json")).json["state"] == "open"


async def test_letters_nobody_can_read_are_listed_shown_refused_and_can_be_discarded(feed: Any) -> None:
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


async def test_a_letter_of_a_topic_no_contract_knows_is_kept_for_the_version_that_does(feed: Any) -> None:
    topic = f"video.never-declared.v{secrets.randbelow(1000) + 1}"
    await create(feed.probe, dead_letter_name(topic, "feed"))
    await feed.bury_raw(topic, b"key", b"{}")

    said = await feed.dlq("redrive", "--topic", topic, "--yes", "--json")

    assert (said.code, said.json["outcomes"]) == (Exit.FOUND, {"refused": 1})
    assert "no contract knows its topic" in said.json["letters"][0]["error"]
    assert topic in (await feed.dlq("ls")).out


async def test_a_value_too_large_for_a_letter_is_read_from_where_its_record_lay(feed: Any) -> None:
    event, gone = feed.video(new_id()), feed.video(new_id())
    large = msgspec.json.encode(event)[:-1] + b',"more":"' + b"x" * 1_200_000 + b'"}'
    key = event.key_text().encode()
    partition, offset = await feed.probe.send_oversized(VIDEO, key, large)
    await feed.bury_raw(VIDEO, key, large, partition=partition, offset=offset)
    await feed.bury_raw(VIDEO, gone.key_text().encode(), large, partition=partition, offset=offset + 1_000_000)
    letters = await feed.probe.records(LETTERS)
    here, lost = (
        next(f"{LETTERS}@{one.offset}" for one in letters if one.key == one_of.key_text().encode())
        for one_of in (event, gone)
    )

    shown = await feed.dlq("show", here)
    planned = (await feed.dlq("redrive", "--id", here, "--id", lost, "--dry-run", "--json")).json["plan"]
    done = await feed.dlq("redrive", "--id", here, "--id", lost, "--yes", "--json")

    assert f"{len(large)} bytes, too large for a letter" in shown.out
    assert f"kcat -C -c 1 -t {VIDEO} -p {partition} -o {offset}" in shown.out
    assert {one["id"]: one["does"] for one in planned} == {here: "again", lost: "refused"}
    assert done.json["outcomes"] == {"refused": 1, "handled": 1}
    assert "its topic has let the record go" in next(one["error"] for one in done.json["letters"] if one["id"] == lost)
    assert len(await feed.rows("SELECT 1 FROM video WHERE video_id = %s", event.video_id)) == 1


async def test_a_letter_brings_no_erased_person_back(feed: Any) -> None:
    person = new_id()
    async with feed.running():
        await feed.probe.publish(UserErasedV1(user_id=person, erased_at=now()))
        await eventually(lambda: feed.rows("SELECT 1 FROM erased WHERE user_id = %s", person))
    event = feed.video(person)
    await feed.bury(event, POISON)

    assert (await feed.dlq("redrive", "--id", *(await feed.ids(event)), "--yes")).code == Exit.OK
    assert await feed.rows("SELECT 1 FROM video WHERE owner_id = %s", person) == []


async def test_a_clock_that_was_wrong_does_not_hide_a_letter(feed: Any) -> None:
    event = feed.video(new_id(), occurred_at=datetime(1970, 1, 2, tzinfo=UTC))
    await feed.bury(event, POISON, partition=2)
    (letter,) = await feed.ids(event)

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_redrive_ended_in_the_middle_is_finished_by_the_same_command(feed: Any, how: signal.Signals) -> None:
    code, events = await feed.bury_many(MANY)
    command = ("redrive", "--class", code, "--yes")

    async with feed.stopped_before(events, MANY // 2):
        first = await feed.start(*command)
        await eventually(lambda: feed.holds(events, MANY // 2))
        first.send_signal(how)
        assert await first.wait() == (Exit.PARTIAL if how is signal.SIGINT else -how)
    assert await feed.held(events) == MANY // 2
    assert (await feed.dlq(*command)).code == Exit.OK

    await feed.check_each_once(code, events)


async def test_two_operators_at_once_do_each_letter_once(feed: Any) -> None:
    code, events = await feed.bury_many(MANY)

    both = [await feed.start("redrive", "--class", code, "--yes") for _ in range(2)]
    codes = {await one.wait() for one in both}

    assert Exit.OK in codes
    assert codes <= {Exit.OK, Exit.REFUSED}  # whoever comes when the other has ended finds nothing to do
    await feed.check_each_once(code, events)


async def test_a_broker_that_restarts_in_the_middle_of_a_redrive_loses_and_doubles_nothing(
    own_stack: Stack, feed: Any
) -> None:
    code, events = await feed.bury_many(MANY)
    command = ("redrive", "--class", code, "--yes")

    async with feed.stopped_before(events, MANY // 2):
        running = await feed.start(*command)
        await eventually(lambda: feed.holds(events, MANY // 2))
        await own_stack.stop("kafka", kill=True)
    # Handled, it cannot be marked.
    await eventually(lambda: feed.holds(events, MANY // 2 + 1))
    assert running.returncode is None
    await own_stack.start("kafka")
    ended = await running.wait()
    assert ended in (Exit.OK, Exit.DOWN)
    if ended != Exit.OK:
        assert (await feed.dlq(*command)).code == Exit.OK

    await feed.check_each_once(code, events)
