"""`daira dlq`: what a service could not handle, seen and sent to its handler again. Feed is the service here."""

import re
from typing import Any

import pytest

from daira_bus.errors import Poison
from daira_cli.dlq import verdict
from daira_cli.exits import Exit
from daira_contracts.admin import OperatorActedV1
from daira_contracts.topics import dead_letter_name
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_contracts.video import VideoChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.waiting import eventually

VIDEO = VideoChangedV1.topic
POISON = Poison()
LETTERS = dead_letter_name(VIDEO, "feed")


async def test_letters_are_grouped_by_topic_class_and_handler(feed: Any) -> None:
    owner = new_id()
    ids = await feed.buried(*(feed.video(owner) for _ in range(3)))

    said = await feed.dlq("ls", "--service", "feed", "--json")

    group = next(one for one in said.json["groups"] if one["code"] == "CheckViolation")
    assert (group["topic"], group["handler"]) == (VIDEO, "remember_video")
    assert group["sample"] in ids
    assert group["count"] >= 3
    assert group["firstSeen"] <= group["lastSeen"]
    assert "remember_video" in (await feed.dlq("ls")).out


async def test_a_letter_shows_cause_stack_and_what_to_do_next(feed: Any) -> None:
    owner = new_id()
    (letter,) = await feed.buried(feed.video(owner))

    said = await feed.dlq("show", letter)

    assert said.code == Exit.OK
    assert "CheckViolation" in said.out
    assert "remember_video, attempt 1, 3 tries" in said.out
    assert "put_videos" in said.out  # of the stack
    assert str(owner) in said.out
    assert f"→ daira dlq redrive --id {letter}" in said.out


async def test_peoples_words_in_a_letter_are_shown_for_a_reason_only(feed: Any) -> None:
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


async def test_after_the_fix_a_redrive_gives_what_was_missing_and_leaves_nothing_open(feed: Any) -> None:
    owner = new_id()
    event = feed.video(owner)
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


async def test_what_fails_again_comes_back_with_one_attempt_more_and_stops_at_the_cap(feed: Any) -> None:
    owner = new_id()
    (letter,) = await feed.buried(feed.video(owner))

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


async def test_a_state_older_than_its_topics_newest_is_superseded_and_changes_nothing(feed: Any) -> None:
    owner, video_id = new_id(), new_id()
    (letter,) = await feed.buried(feed.video(owner, video_id))
    await feed.mend()
    newer = feed.video(owner, video_id, 2, duration_ms=5000)
    async with feed.running():
        await feed.probe.publish(newer)
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", video_id))
    before = await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id)

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"superseded": 1}
    assert await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id) == before
    assert before[0]["revision"] == 2


async def test_a_newer_state_that_came_after_the_look_is_kept_by_the_handler_itself(
    feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, video_id = new_id(), new_id()
    async with feed.running():
        await feed.probe.publish(feed.video(owner, video_id, 2))
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", video_id))
    older = feed.video(owner, video_id, 1)
    await feed.bury(older, POISON)
    (letter,) = await feed.ids(older)

    async def saw_nothing(*_: object) -> dict[str, int]:
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(verdict, "superseded", saw_nothing)
        done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}
    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 2}]


async def test_a_removed_key_is_not_brought_back_by_its_letter(feed: Any) -> None:
    owner, video_id = new_id(), new_id()
    (letter,) = await feed.buried(feed.video(owner, video_id))
    await feed.mend()
    await feed.probe.producer.send(VIDEO, str(video_id).encode(), None, [])

    done = await feed.dlq("redrive", "--id", letter, "--yes", "--json")

    assert done.json["outcomes"] == {"superseded": 1}
    assert await feed.rows("SELECT * FROM video WHERE video_id = %s", video_id) == []


async def test_states_of_one_key_that_died_one_after_the_other_end_in_the_newest(feed: Any) -> None:
    owner, video_id = new_id(), new_id()
    ids = await feed.buried(*(feed.video(owner, video_id, revision) for revision in (1, 2, 3)))
    await feed.mend()

    done = await feed.dlq("redrive", *(word for one in reversed(ids) for word in ("--id", one)), "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 3}
    assert [one["id"] for one in done.json["letters"]] == ids
    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 3}]


async def test_a_newer_letter_redriven_first_is_not_undone_by_the_older_one(feed: Any) -> None:
    owner, video_id = new_id(), new_id()
    older, newer = await feed.buried(feed.video(owner, video_id, 1), feed.video(owner, video_id, 2))
    await feed.mend()

    for letter in (newer, older):
        assert (await feed.dlq("redrive", "--id", letter, "--yes")).code == Exit.OK

    assert (await feed.rows("SELECT revision FROM video WHERE video_id = %s", video_id)) == [{"revision": 2}]


async def test_nothing_of_a_redrive_is_seen_in_the_records_own_topic(feed: Any) -> None:
    (letter,) = await feed.buried(feed.video(new_id()))
    await feed.mend()
    before = len(await feed.probe.records(VIDEO))

    await feed.dlq("redrive", "--id", letter, "--yes")

    assert len(await feed.probe.records(VIDEO)) == before


async def test_a_discarded_letter_is_kept_and_closed_with_its_reason(feed: Any) -> None:
    (letter,) = await feed.buried(feed.video(new_id()))

    assert (await feed.dlq("discard", "--id", letter, "--yes")).code == Exit.USAGE  # without a reason
    assert (await feed.dlq("discard", "--id", letter, "--reason", "INC-12", "--dry-run")).code == Exit.OK
    assert (await feed.dlq("show", letter, "--json")).json["state"] == "open"
    done = await feed.dlq("discard", "--id", letter, "--reason", "INC-12", "--yes")

    assert done.code == Exit.OK
    shown = (await feed.dlq("show", letter, "--json")).json
    assert (shown["state"], shown["settledWhy"]) == ("discarded", "INC-12")


async def test_the_audit_trail_is_told_who_did_what_to_which_letter(feed: Any) -> None:
    event = feed.video(new_id())
    await feed.bury(event, POISON)
    (letter,) = await feed.ids(event)
    acts = {
        "dlq.show.unredacted": ("show", letter, "--unredacted"),
        "dlq.redrive": ("redrive", "--id", letter, "--yes"),
    }

    for act, words in acts.items():
        reason = f"INC {new_id()}"
        assert (await feed.dlq(*words, "--reason", reason)).code == Exit.OK
        told = await feed.probe.wait_for(OperatorActedV1, lambda one, reason=reason: one.reason == reason)
        assert (told.act, told.subjects) == (act, (letter,))


async def test_nobody_there_to_answer_means_no(feed: Any) -> None:
    (letter,) = await feed.buried(feed.video(new_id()))
    for words in (("redrive",), ("discard", "--reason", "x")):
        assert (await feed.dlq(*words, "--id", letter)).code == Exit.REFUSED
    assert (await feed.dlq("redrive", "--yes")).code == Exit.USAGE  # which ones?
    assert (await feed.dlq("show", letter, "--unredacted")).code == Exit.REFUSED
    assert (await feed.dlq("show", letter + "9")).code == Exit.USAGE


async def test_a_tombstone_that_died_is_redriven_as_one(feed: Any) -> None:
    """Its identity is its place in the log, which the letter keeps."""
    event = feed.video(new_id())
    async with feed.running():
        await feed.probe.publish(event)
        await eventually(lambda: feed.rows("SELECT 1 FROM video WHERE video_id = %s", event.video_id))
    places = [one for one in await feed.probe.records(VIDEO) if one.key == event.key_text().encode()]
    at = {"partition": places[-1].partition, "offset": places[-1].offset + 1}
    before = len(await feed.probe.records(LETTERS))
    await feed.bury_raw(VIDEO, event.key_text().encode(), None, **at)

    done = await feed.dlq("redrive", "--id", f"{LETTERS}@{before}", "--yes", "--json")

    assert done.json["outcomes"] == {"handled": 1}
    assert await feed.rows("SELECT state FROM video WHERE video_id = %s AND state <> 'REMOVED'", event.video_id) == []


async def test_a_key_that_was_removed_takes_its_letters_off_the_list(feed: Any) -> None:
    event = ProfileChangedV1(
        user_id=new_id(), handle="gone", display_name="Gone", state=ProfileState.ACTIVE, created_at=now()
    )
    await feed.bury(event, POISON)
    (letter,) = await feed.ids(event)
    async with feed.running():
        await feed.probe.producer.send(event.topic, event.key_text().encode(), None, [])

        async def forgotten() -> bool:
            return bool((await feed.dlq("show", letter, "--json")).json["state"] == "forgotten")

        await eventually(forgotten)

    assert (await feed.dlq("redrive", "--id", letter, "--yes")).code == Exit.USAGE
