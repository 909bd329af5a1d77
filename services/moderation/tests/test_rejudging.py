"""After a word list changed: what was judged before is judged again, a few subjects at a time, each once."""

import random
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import VerdictReachedV1
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_moderation.domain.verdicts import Decision, Entry, Subject, WordList
from daira_moderation.service import ModerationService
from daira_moderation.service.rejudging import REJUDGE, Place
from daira_runtime import Process
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

CASES = "/v1/moderation/cases"
Told = list[tuple[int, str]]


@pytest.fixture
def words() -> WordList:
    """A list of one word that no other test knows: lists reach every process on these topics."""
    word = "".join(random.sample("بتجدرسفقكلمنه", 7))
    entry = Entry(pattern=word, category="spam", decision=Decision.REJECTED)
    return WordList(list_id=f"campaign-{new_id()}", version=1, entries=(entry,))


@pytest.fixture
def moderation(process: Process) -> ModerationService:
    assert isinstance(process.parts.target, ModerationService)
    return process.parts.target


def post(text: str | WordList, **fields: Any) -> PostChangedV1:
    known = {"post_id": new_id(), "author_id": new_id(), "state": PostState.PROCESSING, "content_revision": 1}
    said = text if isinstance(text, str) else says(text)
    return PostChangedV1(text=said, created_at=now(), **{**known, **fields})


def says(words: WordList) -> str:
    return f"كلام {words.entries[0].pattern}"


async def told(probe: TopicProbe, subject: UUID) -> Told:
    """Which revision was judged how, in order."""
    events = [one for one in await probe.events(VerdictReachedV1) if one.subject_id == str(subject)]
    assert [one.revision for one in events] == list(range(1, len(events) + 1))
    return [(one.subject_revision, one.decision.value) for one in events]


async def until_told(probe: TopicProbe, *expected: tuple[UUID, Told]) -> None:
    async def all_told() -> bool:
        return [(subject, await told(probe, subject)) for subject, _ in expected] == list(expected)

    await eventually(all_told, every=0.3)


async def idle(process: Process) -> None:
    """Until nothing is left to be judged again."""

    async def no_jobs() -> bool:
        async with process.platform.database.read() as work:
            return not await work.all("SELECT 1 FROM job WHERE kind = 'rejudge'")

    await eventually(no_jobs)


async def test_a_list_that_changes_takes_posts_and_profiles_back_and_brings_them_back(
    process: Process, moderation: ModerationService, probe: TopicProbe, words: WordList
) -> None:
    posts = [post(words) for _ in range(7)]
    clean = post("صباح الخير")
    person = ProfileChangedV1(
        user_id=new_id(), state=ProfileState.ACTIVE, handle="x", display_name="", proposed_display_name=says(words),
        created_at=now(), text_revision=1,
    )  # fmt: skip
    await probe.publish(*posts, clean, person)
    subjects = [*(one.post_id for one in posts), person.user_id]
    await until_told(probe, *((one, [(1, "APPROVED")]) for one in (*subjects, clean.post_id)))

    await moderation.wordlists.publish([words])
    await until_told(probe, *((one, [(1, "APPROVED"), (1, "REJECTED")]) for one in subjects))
    await moderation.wordlists.publish([replace(words, version=2, entries=())])
    await until_told(probe, *((one, [(1, "APPROVED"), (1, "REJECTED"), (1, "APPROVED")]) for one in subjects))
    await idle(process)
    assert await told(probe, clean.post_id) == [(1, "APPROVED")]


async def test_a_process_that_takes_over_goes_on_after_the_last_batch(
    process: Process, moderation: ModerationService, probe: TopicProbe, words: WordList
) -> None:
    posts = sorted((post(words) for _ in range(5)), key=lambda one: str(one.post_id))
    await probe.publish(*posts)
    await until_told(probe, *((one.post_id, [(1, "APPROVED")]) for one in posts))
    await idle(process)
    moderation.policy.learn(words)  # not published: no job begins before the one of the process that died
    reached = Place(subject=Subject.POST, subject_id=str(posts[2].post_id))
    async with process.platform.database.work() as work:
        await work.enqueue(REJUDGE, "takeover", reached)
    await until_told(probe, *((one.post_id, [(1, "APPROVED"), (1, "REJECTED")]) for one in posts[3:]))
    await idle(process)
    assert [await told(probe, one.post_id) for one in posts[:3]] == [[(1, "APPROVED")]] * 3


async def test_a_repeated_batch_changes_nothing(
    process: Process, moderation: ModerationService, probe: TopicProbe, words: WordList
) -> None:
    doubtful = post(words)
    await probe.publish(doubtful)
    await until_told(probe, (doubtful.post_id, [(1, "APPROVED")]))
    await moderation.wordlists.publish([words])
    for _ in range(3):
        await moderation.rejudging.go_on(f"{words.list_id}:1", None)
    await idle(process)
    assert await told(probe, doubtful.post_id) == [(1, "APPROVED"), (1, "REJECTED")]


async def test_an_older_revision_that_is_still_shown_is_judged_too(
    process: Process, moderation: ModerationService, probe: TopicProbe, words: WordList
) -> None:
    shown = post(words)
    refused = replace(shown, event_id=new_id(), revision=2, content_revision=2, text="يا خول")
    await probe.publish(shown, refused)
    before = [(1, "APPROVED"), (2, "REJECTED")]
    await until_told(probe, (shown.post_id, before))
    await moderation.wordlists.publish([words])
    await until_told(probe, (shown.post_id, [*before, (1, "REJECTED"), (2, "REJECTED")]))


async def test_what_staff_decided_stands_and_what_a_list_leaves_open_becomes_a_case_again(
    process: Process,
    moderation: ModerationService,
    probe: TopicProbe,
    words: WordList,
    client: httpx.AsyncClient,
    mint: TokenMint,
) -> None:
    decided, open_ = post(f"يا حرامي {says(words)}"), post(words)
    await probe.publish(decided, open_)
    await until_told(probe, (decided.post_id, [(1, "NEEDS_REVIEW")]), (open_.post_id, [(1, "APPROVED")]))
    as_staff = mint.headers(new_id(), roles=["staff"])

    async def cases() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await client.get(CASES, headers=as_staff)).json()["items"]
        return items

    [case] = await cases()
    body = {"decision": "APPROVED", "reason": "fine"}
    assert (await client.post(f"{CASES}/{case['id']}/decisions", headers=as_staff, json=body)).status_code == 200
    review = replace(words.entries[0], decision=Decision.NEEDS_REVIEW)
    expected = [(1, "APPROVED")]
    for version, entries in enumerate([(review,), (), (review,)], 1):
        await moderation.wordlists.publish([replace(words, version=version, entries=entries)])
        expected.append((1, "NEEDS_REVIEW" if entries else "APPROVED"))
        await until_told(probe, (open_.post_id, expected))
        assert [one["subjectId"] for one in await cases()] == [str(open_.post_id)] * len(entries)
    await idle(process)
    assert await told(probe, decided.post_id) == [(1, "NEEDS_REVIEW"), (1, "APPROVED")]
