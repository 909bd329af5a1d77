"""What moderation hears, also twice, late and in another order; erasure; the lists of other processes."""

from itertools import permutations
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision, VerdictReachedV1, WordEntry, WordlistChangedV1
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_moderation import handlers
from daira_moderation.domain.verdicts import Decision as Judged
from daira_moderation.domain.verdicts import Entry, WordList
from daira_moderation.service import ModerationService
from daira_moderation.settings import Settings
from daira_runtime import Process
from daira_stores.postgres import Database
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually
from daira_web.limits import Limiter

HEARD = {subscription.event_type: subscription.handler for subscription in handlers.SUBSCRIPTIONS}
BAD, DOUBTFUL, FINE = "يا خول", "يا حرامي", "صباح الخير"


@pytest.fixture
def moderation(process: Process) -> ModerationService:
    assert isinstance(process.parts.target, ModerationService)
    return process.parts.target


@pytest.fixture
def database(process: Process) -> Database:
    return process.platform.database


def post(text: str, **fields: Any) -> PostChangedV1:
    defaults = {"post_id": new_id(), "author_id": new_id(), "state": PostState.PROCESSING, "content_revision": 1}
    return PostChangedV1(**{**defaults, "text": text, "created_at": now(), **fields})


async def hear(moderation: ModerationService, database: Database, *events: Any) -> None:
    """As the consumer would, but without the inbox that would spare the handlers a repeat."""
    for event in events:
        async with database.work() as work:
            await HEARD[type(event)](event, work, moderation)


async def told(database: Database, subject_id: UUID) -> list[bytes | None]:
    async with database.read() as work:
        rows = await work.all("SELECT value FROM outbox WHERE key LIKE %s ORDER BY id", (f"%:{subject_id}",))
    return [row["value"] for row in rows]


async def verdict(database: Database, subject_id: UUID) -> dict[str, Any] | None:
    async with database.read() as work:
        row = await work.one(
            "SELECT seen, judged, decision, gone FROM verdict WHERE subject_id = %s", (str(subject_id),)
        )
    return dict(row) if row else None


async def test_a_post_in_any_order_and_twice_ends_with_one_verdict_on_its_newest_revision(
    moderation: ModerationService, database: Database
) -> None:
    for order in permutations(range(4)):
        first = post(FINE)
        story = [
            first,
            replace(first, event_id=new_id(), revision=2, state=PostState.PUBLISHED),
            replace(first, event_id=new_id(), revision=3, content_revision=2, text=BAD),
            replace(first, event_id=new_id(), revision=4, content_revision=2, text=BAD, state=PostState.REJECTED),
        ]
        await hear(moderation, database, *(story[number] for number in order), *story)
        assert await verdict(database, first.post_id) == {"seen": 4, "judged": 2, "decision": "REJECTED", "gone": False}


async def test_a_removal_is_never_overtaken_by_an_older_edit(moderation: ModerationService, database: Database) -> None:
    first = post(FINE)
    edit = replace(first, event_id=new_id(), revision=2, content_revision=2, text=BAD)
    removal = replace(first, event_id=new_id(), revision=3, text="", state=PostState.REMOVED)
    for story in permutations((first, edit, removal)):
        fresh = new_id()
        await hear(moderation, database, *(replace(event, post_id=fresh) for event in (*story, *story)))
        kept = await verdict(database, fresh)
        assert kept is not None
        assert kept["gone"], story
        values = await told(database, fresh)
        assert not values or values[-1] is None


async def test_what_changes_around_a_text_asks_for_no_new_verdict(
    moderation: ModerationService, database: Database
) -> None:
    first = post(FINE)
    await hear(moderation, database, first, replace(first, event_id=new_id(), revision=2, state=PostState.PUBLISHED))
    assert len(await told(database, first.post_id)) == 1


async def test_hashtags_are_judged_too(moderation: ModerationService, database: Database) -> None:
    tagged = post(FINE, hashtags=("يا_خول",))
    await hear(moderation, database, tagged)
    assert (await verdict(database, tagged.post_id) or {})["decision"] == "REJECTED"


async def test_after_an_erasure_nothing_is_left_and_nothing_is_judged_any_more(
    process: Process, probe: TopicProbe, database: Database
) -> None:
    author = new_id()
    posts = [post(text, author_id=author) for text in (FINE, BAD, DOUBTFUL)]
    profile = ProfileChangedV1(
        user_id=author, state=ProfileState.ACTIVE, handle="x", display_name="نور", created_at=now()
    )
    await probe.publish(*posts, profile)
    subjects = {f"POST:{one.post_id}" for one in posts} | {f"PROFILE:{author}"}

    async def last_words() -> dict[str, bytes | None]:
        return {
            record.key.decode(errors="replace"): record.value for record in await probe.records(VerdictReachedV1.topic)
        }

    async def all_judged() -> bool:
        return subjects <= (await last_words()).keys()

    await eventually(all_judged, every=0.3)
    await probe.publish(UserErasedV1(user_id=author, erased_at=now()))

    async def all_withdrawn() -> bool:
        last = await last_words()
        return all(last[key] is None for key in subjects)

    await eventually(all_withdrawn, every=0.3)
    late = replace(posts[0], event_id=new_id(), revision=9, content_revision=9)
    await hear(process.parts.target, database, late)  # type: ignore[arg-type]
    async with database.read() as work:
        for table in ("verdict", "review_case"):
            assert not await work.all(f"SELECT * FROM {table} t WHERE author_id = %s", (author,))
        assert not await work.all("SELECT * FROM judged_text")
    assert await verdict(database, late.post_id) is None


async def tables_with(database: Database, word: str) -> list[str]:
    async with database.read() as work:
        tables = ("verdict", "judged_text", "review_case", "outbox", "inbox", "job")
        return [one for one in tables if await work.all(f"SELECT 1 FROM {one} t WHERE t::text LIKE %s", (f"%{word}%",))]


async def test_a_text_is_kept_in_one_place_until_it_is_edited_or_gone(
    moderation: ModerationService, database: Database
) -> None:
    secret = post("خول كلام سري للغاية")
    edit = replace(secret, event_id=new_id(), revision=2, content_revision=2, text="علني تماما")
    gone = replace(edit, event_id=new_id(), revision=3, state=PostState.REMOVED)
    await hear(moderation, database, secret)
    assert await tables_with(database, "سري") == ["judged_text"]
    await hear(moderation, database, edit)
    assert (await tables_with(database, "سري"), await tables_with(database, "علني")) == ([], ["judged_text"])
    await hear(moderation, database, gone)
    assert await tables_with(database, "علني") == []


async def test_a_newer_list_reaches_every_process_and_an_older_one_changes_nothing(
    process: Process, moderation: ModerationService, database: Database, probe: TopicProbe
) -> None:
    words = WordList(
        list_id="campaign",
        version=2,
        entries=(Entry(pattern="كلمة جديدة", category="spam", decision=Judged.REJECTED),),
    )
    assert await moderation.wordlists.publish([words]) == 1
    assert await moderation.wordlists.publish([words, replace(words, version=1, entries=())]) == 0

    async def known() -> bool:
        return moderation.policy.judge("كلمه جديده").decision is Judged.REJECTED

    await eventually(known)
    moderation.policy.put(WordlistChangedV1(list_id="campaign", revision=1, entries=()))
    empty = WordEntry(pattern="...", category="x", decision=Decision.REJECTED)
    moderation.policy.put(WordlistChangedV1(list_id="campaign", revision=3, entries=(empty,)))
    assert await known()
    moderation.policy.remove("campaign")
    assert not await known()


async def test_cases_are_for_staff_and_close_once(
    client: httpx.AsyncClient, moderation: ModerationService, database: Database, mint: TokenMint
) -> None:
    doubtful = post(DOUBTFUL)
    await hear(moderation, database, doubtful)
    assert (await client.get("/v1/moderation/cases")).status_code == 401
    assert (await client.get("/v1/moderation/cases", headers=mint.headers(new_id()))).status_code == 403
    staff = mint.headers(new_id(), roles=["staff"])
    case = (await client.get("/v1/moderation/cases", headers=staff)).json()["items"][-1]
    assert (case["subjectId"], case["reasons"][0]["code"]) == (str(doubtful.post_id), "harassment")

    path, body = f"/v1/moderation/cases/{case['id']}/decisions", {"decision": "REJECTED", "reason": "harassment"}
    assert (await client.post(path, headers=mint.headers(new_id()), json=body)).status_code == 403
    assert (await client.post(path, headers=staff, json={**body, "decision": "MAYBE"})).status_code == 400
    keyed = {**staff, "Idempotency-Key": "k"}
    decided = await client.post(path, headers=keyed, json=body)
    assert (decided.status_code, decided.json()["state"]) == (200, "DECIDED")
    again = await client.post(path, headers=keyed, json=body)
    assert (again.json(), again.headers["idempotent-replayed"]) == (decided.json(), "true")
    assert (await client.post(path, headers=staff, json=body)).json()["code"] == "case_closed"
    unknown = f"/v1/moderation/cases/{new_id()}/decisions"
    assert (await client.post(unknown, headers=staff, json=body)).json()["code"] == "case_not_found"
    assert (await verdict(database, doubtful.post_id) or {})["decision"] == "REJECTED"


async def test_a_member_of_staff_decides_so_many_cases_a_minute(
    client: httpx.AsyncClient, settings: Settings, mint: TokenMint
) -> None:
    hasty, limit = new_id(), settings.decisions_limit
    await Limiter.on_redis(settings.redis_url).hit(
        limit, "moderation.decision", str(hasty), cost=int(limit.partition("/")[0]), fail_open=False
    )
    path, body = f"/v1/moderation/cases/{new_id()}/decisions", {"decision": "REJECTED", "reason": "spam"}

    refused = await client.post(path, headers=mint.headers(hasty, roles=["staff"]), json=body)
    other = await client.post(path, headers=mint.headers(new_id(), roles=["staff"]), json=body)

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    assert other.json()["code"] == "case_not_found"


async def test_an_edit_makes_an_open_case_obsolete(
    client: httpx.AsyncClient, moderation: ModerationService, database: Database, mint: TokenMint
) -> None:
    doubtful = post(DOUBTFUL)
    staff = mint.headers(new_id(), roles=["staff"])
    await hear(moderation, database, doubtful)
    case = (await client.get("/v1/moderation/cases", headers=staff)).json()["items"][-1]
    await hear(moderation, database, replace(doubtful, event_id=new_id(), revision=2, content_revision=2, text=FINE))
    body = {"decision": "REJECTED", "reason": "late"}
    answer = await client.post(f"/v1/moderation/cases/{case['id']}/decisions", headers=staff, json=body)
    assert answer.json()["code"] == "case_closed"
    assert (await client.get("/v1/moderation/cases", headers=staff)).json()["items"] == []


async def test_a_cursor_of_cases_is_for_its_reader(
    client: httpx.AsyncClient, moderation: ModerationService, database: Database, mint: TokenMint
) -> None:
    await hear(moderation, database, *(post(DOUBTFUL) for _ in range(3)))
    staff, other = (mint.headers(new_id(), roles=["staff"]) for _ in range(2))
    first = (await client.get("/v1/moderation/cases?limit=2", headers=staff)).json()
    rest = await client.get("/v1/moderation/cases", headers=staff, params={"cursor": first["nextCursor"]})
    ids = [case["id"] for case in (*first["items"], *rest.json()["items"])]
    assert len(ids) == len(set(ids)) == 3
    lent = await client.get("/v1/moderation/cases", headers=other, params={"cursor": first["nextCursor"]})
    assert lent.json()["code"] == "cursor_invalid"
