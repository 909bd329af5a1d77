"""The public API: who may call, what is refused, and what the answers carry."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx

from daira_kit.ids import derived_id, new_id
from daira_runtime import Process
from daira_testing.tokens import TokenMint
from daira_user.domain.profiles import Picture, PictureState
from daira_user.repository import pictures

Client = httpx.AsyncClient
Register = Callable[..., Awaitable[UUID]]
SOMEBODY = "01935a7c-1b2c-7d3e-8f40-000000000001"

ROUTES = [
    ("GET", "/v1/users/me"),
    ("PATCH", "/v1/users/me"),
    ("GET", "/v1/users/me/settings"),
    ("PATCH", "/v1/users/me/settings"),
    ("GET", f"/v1/users/{SOMEBODY}"),
    ("GET", "/v1/users/by-handle/nour"),
    ("GET", f"/v1/users/{SOMEBODY}/followers"),
    ("GET", f"/v1/users/{SOMEBODY}/following"),
    ("PUT", f"/v1/users/{SOMEBODY}/follow"),
    ("DELETE", f"/v1/users/{SOMEBODY}/follow"),
    ("PUT", f"/v1/users/{SOMEBODY}/block"),
    ("DELETE", f"/v1/users/{SOMEBODY}/block"),
    ("PUT", f"/v1/users/{SOMEBODY}/mute"),
    ("DELETE", f"/v1/users/{SOMEBODY}/mute"),
    ("GET", "/v1/users/me/follow-requests"),
    ("PUT", f"/v1/users/me/follow-requests/{SOMEBODY}"),
    ("DELETE", f"/v1/users/me/follow-requests/{SOMEBODY}"),
    ("GET", "/v1/users/me/blocks"),
    ("GET", "/v1/users/me/mutes"),
    ("POST", "/v1/users/me/export"),
]


async def test_an_anonymous_caller_gets_nothing_anywhere(client: Client) -> None:
    for method, path in ROUTES:
        answer = await client.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_list_of_routes_above_is_complete(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert len(served) == len(ROUTES)


async def test_a_person_nobody_has_heard_of_is_not_found_and_a_fresh_one_not_yet_visible(
    client: Client, mint: TokenMint, register: Register
) -> None:
    me = mint.headers(await register())
    assert (await client.get(f"/v1/users/{SOMEBODY}", headers=me)).json()["code"] == "user_not_found"
    fresh = await client.get(f"/v1/users/{new_id()}", headers=me)
    assert (fresh.json()["code"], fresh.headers["retry-after"]) == ("not_yet_visible", "1")
    assert (await client.put(f"/v1/users/{SOMEBODY}/follow", headers=me)).status_code == 404


async def test_a_fresh_person_is_waited_for(client: Client, mint: TokenMint, register: Register) -> None:
    user_id = new_id()
    reading = asyncio.create_task(client.get("/v1/users/me", headers=mint.headers(user_id)))
    await register(user_id=user_id)
    assert (await reading).status_code == 200


BAD_EDITS: list[tuple[dict[str, Any], int, str]] = [
    ({"handle": "a"}, 422, "handle_invalid"),
    ({"handle": "nourنور"}, 422, "handle_invalid"),
    ({"handle": "admin"}, 422, "handle_reserved"),
    ({"handle": "x" * 65}, 400, "validation_failed"),
    ({"displayName": "x" * 51}, 400, "validation_failed"),
    ({"bio": "x" * 301}, 400, "validation_failed"),
    ({"bio": 7}, 400, "validation_failed"),
    ({"displayname": "typo"}, 400, "validation_failed"),
    ({"locale": "fr"}, 400, "validation_failed"),
    ({"interests": ["x"] * 21}, 400, "validation_failed"),
    ({"avatarMediaId": SOMEBODY}, 422, "media_not_found"),
]


async def test_a_bad_edit_is_refused_with_its_reason(client: Client, mint: TokenMint, register: Register) -> None:
    me = mint.headers(await register())
    for body, status, code in BAD_EDITS:
        answer = await client.patch("/v1/users/me", headers=me, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (body, answer.text)
        assert answer.json()["errors"]


async def test_absent_fields_stay_and_what_hides_in_a_name_is_taken_out(
    client: Client, mint: TokenMint, register: Register
) -> None:
    me = mint.headers(await register())
    await client.patch("/v1/users/me", headers=me, json={"displayName": "نور\u202e\u200b", "interests": ["طبخ", "طبخ"]})
    body = (await client.patch("/v1/users/me", headers=me, json={"bio": "line\n\n\n\nline"})).json()
    assert (body["displayName"], body["interests"], body["bio"]) == ("نور", ["طبخ"], "line\n\nline")


async def test_a_profile_has_an_etag_for_reading_and_for_editing(
    client: Client, mint: TokenMint, register: Register
) -> None:
    me = mint.headers(await register())
    etag = (await client.get("/v1/users/me", headers=me)).headers["etag"]
    assert (await client.get("/v1/users/me", headers={**me, "If-None-Match": f'W/"other", {etag}'})).status_code == 304
    edited = await client.patch("/v1/users/me", headers={**me, "If-Match": etag}, json={"bio": "new"})
    assert edited.status_code == 200
    late = await client.patch("/v1/users/me", headers={**me, "If-Match": etag}, json={"bio": "late"})
    assert (late.status_code, late.json()["code"]) == (412, "etag_mismatch")
    assert (await client.get("/v1/users/me", headers=me)).headers["etag"] == edited.headers["etag"] != etag


async def test_a_follower_who_comes_meanwhile_is_no_reason_to_refuse_an_edit(
    client: Client, mint: TokenMint, register: Register
) -> None:
    my_id, other_id = await register(), await register()
    me = mint.headers(my_id)
    etag = (await client.get("/v1/users/me", headers=me)).headers["etag"]
    await client.put(f"/v1/users/{my_id}/follow", headers=mint.headers(other_id))
    assert (await client.get("/v1/users/me", headers={**me, "If-None-Match": etag})).status_code == 200
    assert (
        await client.patch("/v1/users/me", headers={**me, "If-Match": f"W/{etag}"}, json={"bio": "new"})
    ).status_code == 200


async def test_a_handle_belongs_to_one_person_and_is_kept_for_its_former_owner(
    client: Client, mint: TokenMint, register: Register
) -> None:
    first, second = mint.headers(await register()), mint.headers(await register())

    async def take(who: dict[str, str], handle: str) -> Any:
        return await client.patch("/v1/users/me", headers=who, json={"handle": handle})

    assert (await take(first, "Paypal")).json()["handle"] == "paypal"
    assert (await take(second, "paypa1")).json()["code"] == "handle_taken"
    assert (await take(first, "someone.else")).status_code == 200
    assert (await take(second, "paypal")).json()["code"] == "handle_taken"
    assert (await take(first, "paypal")).status_code == 200
    for number in range(2):
        assert (await take(first, f"name{number}x")).status_code == 200
    assert (await take(first, "onemore")).json()["code"] == "handle_changed_too_often"


async def test_of_many_who_want_one_handle_at_once_one_gets_it(
    client: Client, mint: TokenMint, register: Register
) -> None:
    people = [mint.headers(await register()) for _ in range(8)]
    answers = await asyncio.gather(
        *(client.patch("/v1/users/me", headers=person, json={"handle": "the_one"}) for person in people)
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]


async def test_a_picture_must_be_ones_own_and_usable(
    client: Client, mint: TokenMint, register: Register, process: Process
) -> None:
    me, other = await register(), await register()
    ids = [derived_id("picture", number) for number in range(3)]
    owners = [(me, PictureState.READY), (other, PictureState.READY), (me, PictureState.FAILED)]
    async with process.platform.database.work() as work:
        for media_id, (owner, state) in zip(ids, owners, strict=True):
            picture = Picture(media_id=media_id, owner_id=owner, state=state, url="/media/images/x", revision=1)
            await pictures.put_many(work, [picture])
    headers = mint.headers(me)

    async def show(media_id: UUID | None) -> Any:
        body = {"avatarMediaId": str(media_id) if media_id else None}
        return (await client.patch("/v1/users/me", headers=headers, json=body)).json()

    assert (await show(ids[0]))["avatarUrl"] == "/media/images/x"
    assert (await show(ids[1]))["code"] == "media_not_found"
    assert (await show(ids[2]))["code"] == "media_not_usable"
    assert (await show(None))["avatarUrl"] is None


async def test_settings_are_kept_and_nonsense_refused(client: Client, mint: TokenMint, register: Register) -> None:
    me = mint.headers(await register())
    assert (await client.get("/v1/users/me/settings", headers=me)).json() == {"dataSaver": "CELLULAR"}
    for value in ("ALWAYS", "ALWAYS", "NEVER"):
        answer = await client.patch("/v1/users/me/settings", headers=me, json={"dataSaver": value})
        assert answer.json() == {"dataSaver": value}
    assert (await client.patch("/v1/users/me/settings", headers=me, json={"dataSaver": "SOMETIMES"})).status_code == 400
    assert (await client.patch("/v1/users/me/settings", headers=me, json={})).json() == {"dataSaver": "NEVER"}


async def test_actions_are_limited_for_each_person(client: Client, mint: TokenMint, register: Register) -> None:
    headers = mint.headers(await register())
    answers = [await client.post("/v1/users/me/export", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await client.post("/v1/users/me/export", headers=mint.headers(await register()))).status_code == 202
