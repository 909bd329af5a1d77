"""What user hears: registrations, pictures, verdicts and erasures, also twice, late and in another order."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from daira_contracts.auth import UserErasedV1, UserRegisteredV1
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_contracts.moderation import Decision, Reason, SubjectType, VerdictReachedV1
from daira_contracts.user import ProfileChangedV1, ProfileState, RelationChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually
from daira_user import handlers
from daira_user.service import UserService
from daira_user.settings import Settings
from daira_user.wiring import make_service

Client = httpx.AsyncClient
Register = Callable[..., Awaitable[UUID]]
Shown = Callable[[UUID, UUID], Awaitable[dict[str, Any]]]
HEARD = {subscription.event_type: subscription.handler for subscription in handlers.SUBSCRIPTIONS}
COUNTED = ("revision", "updated_at", "text_revision")
"""Say how often something changed, not what it is."""


@pytest.fixture
def shown(client: Client, mint: TokenMint) -> Shown:
    """What `reader` sees of a person they follow: on the profile and in the list."""

    async def look(reader: UUID, person: UUID) -> dict[str, Any]:
        headers = mint.headers(reader)
        profile = (await client.get(f"/v1/users/{person}", headers=headers)).json()
        listed = (await client.get(f"/v1/users/{reader}/following", headers=headers)).json()["items"]
        names = [one["displayName"] for one in listed if one["id"] == str(person)]
        return {"profile": (profile["displayName"], profile["bio"]), "list": names[0]}

    return look


async def hear(user: UserService, database: Database, *events: Any) -> None:
    """As the consumer would, but without the inbox that would spare the handlers a repeat."""
    for event in events:
        async with database.work() as work:
            await HEARD[type(event)](event, work, user)


async def state(database: Database, *tables: str) -> dict[str, Any]:
    async with database.read() as work:
        rows = {table: await work.all(f"SELECT * FROM {table} ORDER BY 1") for table in tables}
    return {
        table: [{name: value for name, value in row.items() if name not in COUNTED} for row in found]
        for table, found in rows.items()
    }


def asset(owner: UUID, media_id: UUID, revision: int, state: AssetState, url: str = "") -> AssetChangedV1:
    return AssetChangedV1(
        media_id=media_id,
        owner_id=owner,
        revision=revision,
        kind=AssetKind.AVATAR,
        state=state,
        storage_key="media/x",
        content_type="image/webp",
        size_bytes=9,
        renditions=(Rendition(name="160", url=url, content_type="image/webp", width=160),) if url else (),
    )


async def test_events_of_a_picture_give_one_state_in_any_order_and_twice(
    process: Process, client: Client, mint: TokenMint, register: Register
) -> None:
    user, database = process.parts.target, process.platform.database
    assert isinstance(user, UserService)
    ends = []
    for order in permutations(range(3)):
        me, media_id = await register(), new_id()
        first = asset(me, media_id, 1, AssetState.UPLOADED)
        later = [
            asset(me, media_id, 2, AssetState.READY, "/media/images/a/160.webp"),
            asset(me, media_id, 3, AssetState.READY, "/media/images/b/160.webp"),
            asset(me, media_id, 2, AssetState.READY, "/media/images/a/160.webp"),
        ]
        await hear(user, database, first)
        shown = await client.patch("/v1/users/me", headers=mint.headers(me), json={"avatarMediaId": str(media_id)})
        assert shown.json()["avatarUrl"] is None
        await hear(user, database, *(later[number] for number in order), first)
        ends.append((await client.get("/v1/users/me", headers=mint.headers(me))).json()["avatarUrl"])
    assert set(ends) == {"/media/images/b/160.webp"}


async def test_a_removed_picture_is_shown_no_more(
    process: Process, client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    me, media_id = await register(), new_id()
    await hear(process.parts.target, process.platform.database, asset(me, media_id, 2, AssetState.READY, "/m/160"))  # type: ignore[arg-type]
    await client.patch("/v1/users/me", headers=mint.headers(me), json={"avatarMediaId": str(media_id)})
    await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.avatar_url == "/m/160")
    await probe.publish(asset(me, media_id, 3, AssetState.REMOVED))
    gone = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 3)
    assert (gone.avatar_url, gone.avatar_media_id) == (None, None)


async def test_beginning_and_end_of_a_person_give_one_state_in_any_order_and_twice(
    make_database: MakeDatabase, settings: Settings
) -> None:
    ends = []
    user_id, at = new_id(), now()
    began, ended = UserRegisteredV1(user_id=user_id, registered_at=at), UserErasedV1(user_id=user_id, erased_at=at)
    picture = asset(user_id, new_id(), 1, AssetState.UPLOADED)
    for order in ((began, picture, ended), (ended, began, picture), (began, began, ended, ended, picture, began)):
        database = await make_database("user")
        user = make_service(settings, database)
        await hear(user, database, *order)
        ends.append(await state(database, "profile", "setting", "picture", "relation", "erased_person"))
    assert ends[0] == ends[1] == ends[2]
    assert not ends[0]["profile"]
    assert not ends[0]["picture"]


def verdict(person: UUID, revision: int, decision: Decision, *codes: str) -> VerdictReachedV1:
    return VerdictReachedV1(
        subject_type=SubjectType.PROFILE,
        subject_id=str(person),
        subject_revision=revision,
        decision=decision,
        reasons=tuple(Reason(code=code, rule="wordlist:ar:1") for code in codes),
    )


async def test_others_see_a_text_from_its_approval_on_and_its_owner_at_once(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, shown: Shown
) -> None:
    me, fan = await register(), await register()
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))
    edited = await client.patch("/v1/users/me", headers=mint.headers(me), json={"displayName": "نور", "bio": "قهوة"})
    assert (edited.json()["displayName"], edited.json()["textState"]) == ("نور", "PENDING")
    assert await shown(fan, me) == {"profile": ("", ""), "list": ""}
    asked = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 2)
    assert (asked.display_name, asked.bio, asked.text_revision) == ("", "", 2)
    assert (asked.proposed_display_name, asked.proposed_bio) == ("نور", "قهوة")

    await probe.publish(verdict(me, 2, Decision.APPROVED))
    told = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 3)
    assert (told.display_name, told.bio, told.text_revision) == ("نور", "قهوة", 2)
    assert (told.proposed_display_name, told.proposed_bio) == (None, None)
    assert await shown(fan, me) == {"profile": ("نور", "قهوة"), "list": "نور"}
    mine = (await client.get("/v1/users/me", headers=mint.headers(me))).json()
    assert (mine["displayName"], mine["textState"]) == ("نور", "APPROVED")


async def test_what_was_approved_stays_while_an_edit_waits_and_after_it_was_refused(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, shown: Shown
) -> None:
    me, fan = await register(), await register()
    headers = mint.headers(me)
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))
    await client.patch("/v1/users/me", headers=headers, json={"displayName": "نور"})
    await probe.publish(verdict(me, 2, Decision.APPROVED))
    await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 3)
    await client.patch("/v1/users/me", headers=headers, json={"displayName": "bad", "bio": "worse"})
    assert await shown(fan, me) == {"profile": ("نور", ""), "list": "نور"}

    refusal = verdict(me, 4, Decision.REJECTED, "insult")
    await probe.publish(refusal, refusal, verdict(me, 3, Decision.REJECTED, "of no text"))

    async def mine() -> dict[str, Any]:
        return dict((await client.get("/v1/users/me", headers=headers)).json())

    async def refused() -> bool:
        return bool((await mine())["textState"] == "REJECTED")

    await eventually(refused)
    assert ((await mine())["displayName"], (await mine())["textRefused"]) == ("bad", "insult")
    assert await shown(fan, me) == {"profile": ("نور", ""), "list": "نور"}
    again = (await client.patch("/v1/users/me", headers=headers, json={"displayName": "نور الدين"})).json()
    assert (again["textState"], again["textRefused"]) == ("PENDING", None)


async def test_a_later_verdict_on_the_same_text_takes_it_back_and_brings_it_back(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, shown: Shown
) -> None:
    me, fan = await register(), await register()
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))
    await client.patch("/v1/users/me", headers=mint.headers(me), json={"displayName": "نور"})
    steps = [
        (Decision.APPROVED, "نور"),
        (Decision.REJECTED, ""),
        (Decision.APPROVED, "نور"),
        (Decision.NEEDS_REVIEW, ""),
    ]
    for decision, name in steps:
        await probe.publish(verdict(me, 2, decision, "insult"))

        async def seen(name: str = name) -> bool:
            return await shown(fan, me) == {"profile": (name, ""), "list": name}

        await eventually(seen)
    told = [event.display_name for event in await probe.events(ProfileChangedV1) if event.user_id == me]
    assert told[1:] == ["", *(name for _, name in steps)]


async def test_a_refused_handle_alone_takes_no_text_back(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, shown: Shown
) -> None:
    me, fan = await register(), await register()
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))
    await client.patch("/v1/users/me", headers=mint.headers(me), json={"displayName": "نور", "handle": "dirtier"})
    await probe.publish(verdict(me, 2, Decision.APPROVED))
    await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 3)
    about_handle = (Reason(code="insult", rule="handle:wordlist:ar:1"),)
    await probe.publish(replace(verdict(me, 2, Decision.REJECTED), reasons=about_handle))
    told = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 4)
    assert (told.display_name, told.text_revision) == ("نور", 4)
    assert told.handle != "dirtier"
    assert await shown(fan, me) == {"profile": ("نور", ""), "list": "نور"}


async def test_a_refused_handle_gives_way_to_one_of_ours_and_the_name_stays(
    process: Process, client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    me = await register()
    first = (await client.get("/v1/users/me", headers=mint.headers(me))).json()["handle"]
    await client.patch("/v1/users/me", headers=mint.headers(me), json={"handle": "dirty_word", "displayName": "نور"})
    verdict = VerdictReachedV1(
        subject_type=SubjectType.PROFILE,
        subject_id=str(me),
        subject_revision=2,
        decision=Decision.REJECTED,
        reasons=(Reason(code="insult", rule="handle:wordlist:ar:1"),),
    )
    await probe.publish(verdict)
    told = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == me and event.revision == 3)
    assert (told.handle, told.proposed_display_name) == (first, "نور")
    await probe.publish(replace(verdict, event_id=new_id()))
    mine = (await client.get("/v1/users/me", headers=mint.headers(me))).json()
    assert (mine["handle"], mine["textRefused"]) == (first, None)


async def test_after_an_erasure_nothing_of_the_person_is_left_and_their_keys_are_removed(
    process: Process, client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    gone, fan, idol, foe = [await register() for _ in range(4)]
    headers = mint.headers(gone)
    await client.patch("/v1/users/me", headers=headers, json={"handle": "soon_gone", "displayName": "Soon Gone"})
    await client.patch("/v1/users/me/settings", headers=headers, json={"dataSaver": "ALWAYS"})
    await client.put(f"/v1/users/{idol}/follow", headers=headers)
    await client.put(f"/v1/users/{foe}/block", headers=headers)
    await client.put(f"/v1/users/{gone}/follow", headers=mint.headers(fan))
    assert (await client.post("/v1/users/me/export", headers=headers)).status_code == 202

    await probe.publish(UserErasedV1(user_id=gone, erased_at=now()))
    database = process.platform.database

    async def forgotten() -> bool:
        async with database.read() as work:
            tables = ("profile", "setting", "relation", "picture", "handle_change", "follow_count")
            for table in tables:
                left = await work.all(f"SELECT * FROM {table} t WHERE t::text LIKE %s", (f"%{gone}%",))
                assert not left, table
            assert not await work.all("SELECT * FROM handle_hold h WHERE h::text LIKE '%%soon%%'")
        return True

    await eventually(forgotten)
    assert (await client.get(f"/v1/users/{gone}", headers=mint.headers(fan))).status_code == 404
    for person, count in ((fan, "followingCount"), (idol, "followersCount")):
        assert (await client.get("/v1/users/me", headers=mint.headers(person))).json()[count] == 0
    taken = await client.patch("/v1/users/me", headers=mint.headers(fan), json={"handle": "soon_gone"})
    assert taken.json()["code"] == "handle_taken"

    async def removed() -> bool:
        keys = {f"{gone}", f"{gone}:{idol}", f"{gone}:{foe}", f"{fan}:{gone}"}
        for topic in (ProfileChangedV1.topic, RelationChangedV1.topic):
            last = {record.key.decode(errors="replace"): record.value for record in await probe.records(topic)}
            assert all(last[key] is None for key in keys & last.keys()), topic
            keys -= last.keys()
        return not keys

    await eventually(removed, every=0.3)
    last_words = [event for event in await probe.events(ProfileChangedV1) if event.user_id == gone][-1]
    assert (last_words.state, last_words.handle, last_words.display_name) == (ProfileState.REMOVED, "", "")


async def test_a_handle_of_an_erased_person_is_free_after_the_hold(
    process: Process, client: Client, mint: TokenMint, register: Register, settings: Settings
) -> None:
    gone, heir = await register(), await register()
    await client.patch("/v1/users/me", headers=mint.headers(gone), json={"handle": "heirloom"})
    long_ago = now() - timedelta(days=settings.handle_hold_days, seconds=1)
    await hear(process.parts.target, process.platform.database, UserErasedV1(user_id=gone, erased_at=long_ago))  # type: ignore[arg-type]
    taken = await client.patch("/v1/users/me", headers=mint.headers(heir), json={"handle": "heirloom"})
    assert taken.json()["handle"] == "heirloom"
    assert await process.parts.target.people.drop_old_holds() == 1  # type: ignore[attr-defined]
