"""A person's copy of their data: asked for, written by a job, fetched by nobody else, gone in time."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from daira_kit.clock import now
from daira_runtime import Process
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually

Client = httpx.AsyncClient
Register = Callable[..., Awaitable[UUID]]


async def ready(client: Client, headers: dict[str, str], export_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        body: dict[str, Any] = (await client.get(f"/v1/users/me/exports/{export_id}", headers=headers)).json()
        return body if body["state"] == "READY" else None

    found = await eventually(look)
    assert found is not None
    return found


async def test_an_export_holds_what_user_knows_and_is_only_for_its_owner(
    client: Client, mint: TokenMint, register: Register
) -> None:
    me, idol, fan, foe = [await register() for _ in range(4)]
    headers = mint.headers(me)
    await client.patch("/v1/users/me", headers=headers, json={"handle": "my.data", "displayName": "بياناتي"})
    await client.patch("/v1/users/me/settings", headers=headers, json={"dataSaver": "ALWAYS"})
    await client.put(f"/v1/users/{idol}/follow", headers=headers)
    await client.put(f"/v1/users/{foe}/block", headers=headers)
    await client.put(f"/v1/users/{me}/mute", headers=mint.headers(foe))
    await client.put(f"/v1/users/{me}/follow", headers=mint.headers(fan))

    asked = await client.post("/v1/users/me/export", headers={**headers, "Idempotency-Key": "once"})
    again = await client.post("/v1/users/me/export", headers={**headers, "Idempotency-Key": "once"})
    assert (asked.status_code, again.json()) == (202, asked.json())
    assert again.headers["idempotent-replayed"] == "true"

    export = await ready(client, headers, asked.json()["id"])
    content = await client.get(export["url"], headers=headers)
    assert len(content.content) == export["sizeBytes"]
    document = content.json()
    assert document["profile"]["displayName"] == "بياناتي"
    assert document["settings"] == {"dataSaver": "ALWAYS"}
    assert len(document["formerHandles"]) == 1
    lists = {name: [entry["userId"] for entry in entries] for name, entries in document.items() if name in LISTS}
    assert lists == {
        "following": [str(idol)],
        "followers": [str(fan)],
        "blocked": [str(foe)],
        "muted": [],
        "requestedToFollow": [],
        "followRequests": [],
    }
    assert (await client.get(export["url"], headers=mint.headers(fan))).json()["code"] == "export_not_found"


LISTS = ("following", "followers", "blocked", "muted", "requestedToFollow", "followRequests")


async def test_an_export_can_be_fetched_for_a_while_only(
    process: Process, client: Client, mint: TokenMint, register: Register
) -> None:
    headers = mint.headers(await register())
    export = await ready(client, headers, (await client.post("/v1/users/me/export", headers=headers)).json()["id"])
    async with process.platform.database.work() as work:
        await work.execute("UPDATE export SET expires_at = %s", (now() - timedelta(seconds=1),))
    assert (await client.get(export["url"], headers=headers)).json()["code"] == "export_expired"
    assert await process.parts.target.exports.drop_expired() == 1  # type: ignore[attr-defined]
    assert (await client.get(export["url"], headers=headers)).json()["code"] == "export_not_found"
