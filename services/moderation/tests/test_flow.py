"""Events in, verdicts out, over real Kafka and PostgreSQL."""

from typing import Any
from uuid import UUID

import httpx
from msgspec.structs import replace

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1, WordlistChangedV1
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

Client = httpx.AsyncClient


def post(text: str, **fields: Any) -> PostChangedV1:
    defaults = {"post_id": new_id(), "author_id": new_id(), "state": PostState.PROCESSING, "content_revision": 1}
    return PostChangedV1(**{**defaults, "text": text, "created_at": now(), **fields})


async def verdict_on(probe: TopicProbe, subject: UUID, judged: int = 1) -> VerdictReachedV1:
    return await probe.wait_for(
        VerdictReachedV1, lambda event: event.subject_id == str(subject) and event.subject_revision == judged
    )


async def test_each_revision_of_a_post_gets_its_verdict_with_the_rule_that_fired(
    process: Process, probe: TopicProbe
) -> None:
    clean = post("صباح الخير يا مصر #القاهرة")
    await probe.publish(clean)
    assert (await verdict_on(probe, clean.post_id)).decision is Decision.APPROVED

    edited = post("يا خـ‌ـول", post_id=clean.post_id, author_id=clean.author_id, content_revision=2, revision=2)
    await probe.publish(edited)
    refused = await verdict_on(probe, clean.post_id, judged=2)
    assert refused.decision is Decision.REJECTED
    assert refused.revision == 2
    assert {reason.code for reason in refused.reasons} == {"insult"}
    assert all(reason.rule.startswith("wordlist:ar:") for reason in refused.reasons)


async def test_a_name_is_judged_with_the_profile(process: Process, probe: TopicProbe) -> None:
    user_id = new_id()
    await probe.publish(
        ProfileChangedV1(
            user_id=user_id,
            state=ProfileState.ACTIVE,
            handle="someone",
            display_name="kosomak",
            created_at=now(),
            revision=4,
        )
    )
    verdict = await verdict_on(probe, user_id, judged=4)
    assert (verdict.subject_type, verdict.decision) == (SubjectType.PROFILE, Decision.REJECTED)


async def test_the_name_that_is_proposed_is_judged_once_and_not_the_one_still_shown(
    process: Process, probe: TopicProbe
) -> None:
    proposed = ProfileChangedV1(
        user_id=new_id(),
        state=ProfileState.ACTIVE,
        handle="someone",
        display_name="نور",
        proposed_display_name="kosomak",
        created_at=now(),
        revision=4,
        text_revision=4,
    )
    moved = replace(proposed, event_id=new_id(), revision=5, text_revision=4, avatar_url="/media/images/a/160.webp")
    fine = replace(proposed, event_id=new_id(), revision=6, text_revision=6, proposed_display_name="")
    await probe.publish(proposed, moved, fine)
    assert (await verdict_on(probe, proposed.user_id, judged=6)).decision is Decision.APPROVED
    told = [one for one in await probe.events(VerdictReachedV1) if one.subject_id == str(proposed.user_id)]
    assert [(one.subject_revision, one.decision) for one in told] == [(4, Decision.REJECTED), (6, Decision.APPROVED)]


async def test_a_handle_is_judged_by_itself_and_the_reason_says_so(process: Process, probe: TopicProbe) -> None:
    user_id = new_id()
    profile = ProfileChangedV1(
        user_id=user_id, state=ProfileState.ACTIVE, handle="kos_omak", display_name="نور", created_at=now()
    )
    await probe.publish(profile)
    verdict = await verdict_on(probe, user_id)
    assert verdict.decision is Decision.REJECTED
    assert {reason.rule.split(":")[0] for reason in verdict.reasons} == {"handle"}


async def test_the_lists_of_this_version_are_told_once(process: Process, probe: TopicProbe) -> None:
    told = await probe.wait_for(WordlistChangedV1, lambda event: event.list_id == "ar")
    assert told.entries
    assert await process.parts.target.wordlists.publish([]) == 0  # type: ignore[attr-defined]


async def test_what_a_list_cannot_decide_a_person_does(client: Client, probe: TopicProbe, mint: TokenMint) -> None:
    doubtful = post("يا حرامي")
    await probe.publish(doubtful)
    assert (await verdict_on(probe, doubtful.post_id)).decision is Decision.NEEDS_REVIEW

    as_staff = mint.headers(new_id(), roles=["staff"])
    cases = (await client.get("/v1/moderation/cases", headers=as_staff)).json()["items"]
    case = next(case for case in cases if case["subjectId"] == str(doubtful.post_id))
    answer = await client.post(
        f"/v1/moderation/cases/{case['id']}/decisions",
        headers=as_staff,
        json={"decision": "APPROVED", "reason": "fine"},
    )
    assert answer.status_code == 200, answer.text
    verdict = await probe.wait_for(
        VerdictReachedV1, lambda event: event.subject_id == str(doubtful.post_id) and event.revision == 2
    )
    assert verdict.decision is Decision.APPROVED
