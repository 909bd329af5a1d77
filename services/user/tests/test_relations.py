"""Follow, requests, block and mute between real accounts: what is answered, told, counted and seen."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any
from uuid import UUID

import httpx

from daira_contracts.user import FollowState, RelationChangedV1
from daira_kit.clock import now
from daira_runtime import Process
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually
from daira_user.domain.relations import block
from daira_user.repository import relations as rows

Client = httpx.AsyncClient
Register = Callable[..., Awaitable[UUID]]


class Person:
    """Somebody with a token, and the short words for what they do."""

    def __init__(self, client: Client, mint: TokenMint, user_id: UUID) -> None:
        self.client, self.id, self.headers = client, user_id, mint.headers(user_id)

    async def put(self, what: str, other: "Person") -> Any:
        return await self.client.put(f"/v1/users/{other.id}/{what}", headers=self.headers)

    async def delete(self, what: str, other: "Person") -> Any:
        return await self.client.delete(f"/v1/users/{other.id}/{what}", headers=self.headers)

    async def get(self, path: str, **query: Any) -> Any:
        return await self.client.get(path, headers=self.headers, params=query)

    async def see(self, other: "Person") -> Any:
        return await self.get(f"/v1/users/{other.id}")

    async def answer_request(self, method: str, other: "Person") -> Any:
        return await self.client.request(method, f"/v1/users/me/follow-requests/{other.id}", headers=self.headers)

    async def names(self, path: str, **query: Any) -> list[str]:
        return [item["id"] for item in (await self.get(path, **query)).json()["items"]]


async def people(client: Client, mint: TokenMint, register: Register, *private: bool) -> list[Person]:
    return [Person(client, mint, await register(private=one)) for one in private]


async def test_a_private_account_is_asked_and_accepts_or_declines(
    client: Client, mint: TokenMint, register: Register
) -> None:
    owner, fan, pest = await people(client, mint, register, True, False, False)
    for _ in range(2):
        assert (await fan.put("follow", owner)).json() == {"state": "REQUESTED", "blocks": False, "mutes": False}
    await pest.put("follow", owner)
    assert await owner.names("/v1/users/me/follow-requests") == [str(pest.id), str(fan.id)]
    assert (await fan.get(f"/v1/users/{owner.id}/followers")).json()["code"] == "account_private"

    for _ in range(2):
        assert (await owner.answer_request("PUT", fan)).json() == {"state": "FOLLOWING"}
        assert (await owner.answer_request("DELETE", pest)).json() == {"state": "NONE"}
    assert (await owner.answer_request("PUT", pest)).json()["code"] == "follow_request_not_found"
    assert await owner.names("/v1/users/me/follow-requests") == []
    assert await fan.names(f"/v1/users/{owner.id}/followers") == [str(fan.id)]
    assert (await fan.see(owner)).json()["followersCount"] == 1


async def test_an_account_that_opens_lets_everybody_in_who_waited(
    client: Client, mint: TokenMint, register: Register
) -> None:
    owner, fan = await people(client, mint, register, True, False)
    await fan.put("follow", owner)
    await client.patch("/v1/users/me", headers=owner.headers, json={"isPrivate": False})

    async def follows() -> bool:
        return bool((await fan.see(owner)).json()["viewer"]["state"] == "FOLLOWING")

    await eventually(follows)


async def test_a_block_ends_everything_both_ways_and_is_not_undone_by_unblocking(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    one, other = await people(client, mint, register, False, True)
    await one.put("follow", other)
    await other.put("follow", one)
    for _ in range(2):
        assert (await one.put("block", other)).json() == {"state": "NONE", "blocks": True, "mutes": False}

    assert (await other.see(one)).json()["code"] == "user_not_found"
    assert (await other.put("follow", one)).json()["code"] == "user_not_found"
    assert (await one.put("follow", other)).json()["code"] == "unblock_first"
    assert (await one.see(other)).json()["viewer"]["blocks"] is True
    assert await one.names("/v1/users/me/blocks") == [str(other.id)]
    assert await other.names("/v1/users/me/follow-requests") == []

    blocked = await probe.wait_for(RelationChangedV1, lambda event: event.actor_id == one.id and event.blocks)
    ended = await probe.wait_for(
        RelationChangedV1, lambda event: event.actor_id == other.id and event.follow is FollowState.NONE
    )
    assert (blocked.target_id, ended.target_id) == (other.id, one.id)

    assert (await one.delete("block", other)).json()["blocks"] is False
    assert (await other.see(one)).json()["viewer"]["state"] == "NONE"
    assert (await one.see(other)).json()["followersCount"] == 0


async def test_a_mute_is_known_only_to_who_mutes(client: Client, mint: TokenMint, register: Register) -> None:
    one, other = await people(client, mint, register, False, False)
    await other.put("follow", one)
    await one.put("mute", other)
    assert (await one.see(other)).json()["viewer"]["mutes"] is True
    assert "mutes" not in str((await other.see(one)).json()["viewer"]).replace("'mutes': False", "")
    assert await one.names("/v1/users/me/mutes") == [str(other.id)]
    assert (await one.delete("mute", other)).json()["mutes"] is False
    assert (await other.see(one)).json()["viewer"]["state"] == "FOLLOWING"


async def test_nobody_follows_blocks_or_mutes_themselves(client: Client, mint: TokenMint, register: Register) -> None:
    (me,) = await people(client, mint, register, False)
    for what, act in product(("follow", "block", "mute"), (me.put, me.delete)):
        assert (await act(what, me)).json()["code"] == "not_with_yourself"


async def test_an_ended_relation_is_told_and_its_key_removed(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe
) -> None:
    one, other = await people(client, mint, register, False, False)
    await one.put("follow", other)
    for _ in range(2):
        assert (await one.delete("follow", other)).json()["state"] == "NONE"
    key = f"{one.id}:{other.id}".encode()

    async def told() -> list[bytes | None]:
        values = [record.value for record in await probe.records(RelationChangedV1.topic) if record.key == key]
        return values if len(values) >= 3 else []

    followed, ended, removed = await eventually(told)
    assert b"FOLLOWING" in (followed or b"")
    assert b'"follow":"NONE"' in (ended or b"")
    assert removed is None


RELATIONS = ("stranger", "follower", "asking", "blocked by the owner", "blocks the owner", "muted", "the owner")


async def test_who_sees_what_of_whom(client: Client, mint: TokenMint, register: Register) -> None:
    """Surfaces × relations, for a public and a private account."""
    for is_private in (False, True):
        owner, fan, *readers = await people(client, mint, register, is_private, *[False] * 7)
        _stranger, follower, asking, blocked, blocker, muted = readers
        for follows in (fan, follower, asking):
            await follows.put("follow", owner)
        if is_private:
            for accepted in (fan, follower):
                await owner.answer_request("PUT", accepted)
        await owner.put("block", blocked)
        await blocker.put("block", owner)
        await owner.put("mute", muted)
        handle = (await owner.get("/v1/users/me")).json()["handle"]
        closed = 403 if is_private else 200
        expected = dict.fromkeys(RELATIONS, (200, 200, closed)) | {
            "follower": (200, 200, 200),
            "blocked by the owner": (404, 404, 404),
            "the owner": (200, 200, 200),
        }
        for name, reader in zip(RELATIONS, [*readers, owner], strict=True):
            seen = (
                (await reader.see(owner)).status_code,
                (await reader.get(f"/v1/users/by-handle/{handle}")).status_code,
                (await reader.get(f"/v1/users/{owner.id}/followers")).status_code,
            )
            assert seen == expected[name], (name, is_private)


async def test_lists_leave_out_who_blocks_the_reader_and_whom_the_reader_blocks(
    client: Client, mint: TokenMint, register: Register
) -> None:
    owner, reader, blocks_reader, blocked_by_reader, friend = await people(client, mint, register, *[False] * 5)
    for fan in (blocks_reader, blocked_by_reader, friend):
        await fan.put("follow", owner)
    await blocks_reader.put("block", reader)
    await reader.put("block", blocked_by_reader)
    assert await reader.names(f"/v1/users/{owner.id}/followers") == [str(friend.id)]
    assert len(await owner.names(f"/v1/users/{owner.id}/followers")) == 3


async def test_a_list_is_read_to_its_end_once_while_it_grows_and_cursors_cannot_be_lent(
    client: Client, mint: TokenMint, register: Register
) -> None:
    owner, reader, *fans = await people(client, mint, register, *[False] * 9)
    for fan in fans[:5]:
        await fan.put("follow", owner)
    path, cursor, read = f"/v1/users/{owner.id}/followers", None, []
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await reader.get(path, **query)).json()
        read += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if not page["hasMore"]:
            break
        await fans[5 + len(read) // 2 % 2].put("follow", owner)
        lent = cursor
    assert read == [str(fan.id) for fan in reversed(fans[:5])]
    for other, where in ((owner, path), (reader, f"/v1/users/{owner.id}/following")):
        assert (await other.get(where, cursor=lent)).json()["code"] == "cursor_invalid"
    assert (await reader.get(path, cursor=lent[:-2] + "xx")).json()["code"] == "cursor_invalid"
    assert (await reader.get(path, limit=101)).status_code == 400


async def test_many_at_once_leave_counts_and_topic_as_the_tables_say(
    client: Client, mint: TokenMint, register: Register, probe: TopicProbe, process: Process
) -> None:
    """Crossing follows, unfollows and blocks of the same people, all at the same time."""
    crowd = await people(client, mint, register, *[False] * 5)
    steps = [
        step
        for one, other in product(crowd, crowd)
        if one is not other
        for step in (one.put("follow", other), other.put("follow", one), one.delete("follow", other))
    ]
    steps += [crowd[0].put("block", crowd[1]), *(one.put("follow", crowd[0]) for one in crowd[1:])]
    one, other = crowd[2:4]
    for _ in range(20):
        steps += [
            one.put("follow", other),
            one.delete("follow", other),
            one.put("mute", other),
            one.delete("mute", other),
        ]
    answers = await asyncio.gather(*steps)
    assert {answer.status_code for answer in answers} <= {200, 404, 409}

    async with process.platform.database.read() as work:
        ids = {person.id for person in crowd}
        stored = await work.all("SELECT * FROM relation WHERE actor_id = ANY(%s)", (list(ids),))
    followers: dict[UUID, int] = defaultdict(int)
    for row in stored:
        followers[row["target_id"]] += row["follow"] == "FOLLOWING"
    for person in crowd:
        assert (await person.get("/v1/users/me")).json()["followersCount"] == followers[person.id]

    held = {(row["actor_id"], row["target_id"]): (row["follow"], row["blocks"]) for row in stored}

    async def topic_agrees() -> bool:
        newest: dict[tuple[UUID, UUID], RelationChangedV1] = {}
        for event in await probe.events(RelationChangedV1):
            if event.actor_id in ids:
                before = newest.get((event.actor_id, event.target_id))
                assert before is None or before.revision < event.revision
                newest[event.actor_id, event.target_id] = event
        told = {pair: (event.follow.value, event.blocks) for pair, event in newest.items()}
        return {pair: state for pair, state in told.items() if state != ("NONE", False)} == held

    await eventually(topic_agrees, every=0.3)


async def test_a_step_between_two_people_waits_for_the_one_before_it(
    client: Client, mint: TokenMint, register: Register, process: Process
) -> None:
    one, other = await people(client, mint, register, False, False)
    database = process.platform.database

    async def waits() -> bool:
        async with database.read() as work:
            row = await work.one(
                """
                SELECT count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted
                """
            )
        return bool(row and row["n"])

    async with database.work() as work:
        await rows.lock_pairs(work, other.id, [one.id])
        before = await rows.pair(work, other.id, one.id)
        following = asyncio.create_task(one.put("follow", other))
        await eventually(waits)
        await rows.write(work, block(before).mine, now())
    assert (await following).json()["code"] == "user_not_found"
