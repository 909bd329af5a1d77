"""A person's copy of their data: the wish is told once, and user's part of it is written for the archive."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import msgspec

from daira_contracts.user import ExportPartWrittenV1, ExportRequestedV1
from daira_devtools.stack import Endpoints
from daira_stores.objects import open_objects
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

Client = httpx.AsyncClient
Register = Callable[..., Awaitable[UUID]]


async def part(stack: Endpoints, export_id: str) -> bytes:
    """What user wrote."""
    objects = open_objects(stack.s3_endpoint, stack.s3_access_key, stack.s3_secret_key, stack.s3_bucket)
    found = await objects.get_async(f"exports/{export_id}/user.json")
    return bytes(await found.bytes_async())


async def test_a_part_holds_what_user_knows_and_not_what_others_hold_against_the_person(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, stack: Endpoints
) -> None:
    me, idol, fan, foe = [await register() for _ in range(4)]
    headers = mint.headers(me)
    await client.patch("/v1/users/me", headers=headers, json={"handle": "my.data", "displayName": "بياناتي"})
    await client.patch("/v1/users/me/settings", headers=headers, json={"dataSaver": "ALWAYS"})
    await client.put(f"/v1/users/{idol}/follow", headers=headers)
    await client.put(f"/v1/users/{foe}/block", headers=headers)
    await client.put(f"/v1/users/{me}/mute", headers=mint.headers(foe))
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))

    asked = await client.post("/v1/users/me/export", headers=headers)
    export_id = asked.json()["mediaId"]
    told = await probe.wait_for(ExportPartWrittenV1, lambda event: str(event.export_id) == export_id)
    written = await part(stack, export_id)
    document: dict[str, Any] = msgspec.json.decode(written)

    assert asked.status_code == 202
    assert asked.headers["location"] == f"/v1/media/{export_id}"
    assert (told.user_id, told.size_bytes) == (me, len(written))
    assert [profile["displayName"] for profile in document.pop("profile")] == ["بياناتي"]
    assert document.pop("settings") == [{"dataSaver": "ALWAYS"}]
    assert len(document.pop("formerHandles")) == 1
    assert {name: [entry["userId"] for entry in entries] for name, entries in document.items()} == {
        "following": [str(idol)],
        "followers": [str(fan)],
        "blocked": [str(foe)],
    }


async def test_a_wish_is_told_once_a_day_and_a_repeat_with_its_key_is_the_same_wish(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    me = await register()
    once = {**mint.headers(me), "Idempotency-Key": "once"}

    asked = await client.post("/v1/users/me/export", headers=once)
    again = await client.post("/v1/users/me/export", headers=once)
    another = await client.post("/v1/users/me/export", headers=mint.headers(me))

    assert (asked.status_code, again.status_code, again.json()) == (202, 202, asked.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert (another.status_code, another.json()["code"]) == (429, "rate_limited")
    assert int(another.headers["retry-after"]) > 0
    await probe.wait_for(ExportRequestedV1, lambda event: event.user_id == me)
    assert len([event for event in await probe.events(ExportRequestedV1) if event.user_id == me]) == 1
