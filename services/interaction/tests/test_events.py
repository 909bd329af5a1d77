"""From the client's batch to the log, the store and back, on real Kafka, PostgreSQL, Redis and Cassandra."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import AsyncClient

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.interaction import UserEventRecordedV1
from daira_contracts.video import VideoChangedV1, VideoState
from daira_interaction.domain import parse, record
from daira_interaction.service import InteractionService
from daira_interaction.settings import Settings
from daira_interaction.wiring import build
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process, Role, open_process
from daira_testing.http import calling
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "eventType": "WATCH",
        "entityType": "VIDEO",
        "entityId": str(new_id()),
        "source": "CIRCLE",
        "occurredAt": (now() - timedelta(minutes=1)).isoformat(),
        "metadata": {"watchTime": 5.28, "duration": 5.28},
    } | changes


async def stored(client: AsyncClient, headers: dict[str, str], count: int, **query: Any) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        answer = await client.get("/v1/users/me/events", headers=headers, params={"limit": 100, **query})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        assert len(items) >= count
        return items

    return (
        await eventually(look) if count else (await client.get("/v1/users/me/events", headers=headers)).json()["items"]
    )


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/events"), ("GET", "/v1/users/me/events")])
async def test_an_anonymous_caller_is_401(client: AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_accepted_event_is_in_the_log_and_can_be_exported(
    client: AsyncClient, mint: TokenMint, probe: TopicProbe
) -> None:
    me, mine = uuid4(), event(eventType="VIEW", entityType="POST", metadata={"scrollDepth": 80})
    headers = mint.headers(me)

    answer = await client.post("/v1/events", json={"events": [mine]}, headers=headers)

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    told = [one for one in await probe.events(UserEventRecordedV1) if one.user_id == me]
    assert [str(one.client_event_id) for one in told] == [mine["id"]]
    (item,) = await stored(client, headers, 1)
    assert item["id"] == mine["id"]
    assert (item["eventType"], item["entityType"], item["entityId"]) == ("VIEW", "POST", mine["entityId"])
    assert item["metadata"]["scrollDepth"] == 80
    assert item["occurredAt"] < item["receivedAt"]


async def test_one_bad_event_costs_nobody_the_others(client: AsyncClient, mint: TokenMint) -> None:
    good, bad = event(), event(eventType="TELEPORT")
    headers = mint.headers(uuid4())

    answer = await client.post("/v1/events", json={"events": [bad, good, 7]}, headers=headers)

    body = answer.json()
    assert (answer.status_code, body["accepted"]) == (202, 1)
    assert [(one["index"], one["id"], one["code"]) for one in body["rejected"]] == [
        (0, bad["id"], "event_type_unknown"),
        (2, None, "event_malformed"),
    ]
    assert [one["id"] for one in await stored(client, headers, 1)] == [good["id"]]


async def test_a_repeated_batch_and_a_repeated_id_are_stored_once_as_they_came_first(
    client: AsyncClient, mint: TokenMint
) -> None:
    headers, again = mint.headers(uuid4()), event()
    later = event(id=again["id"], occurredAt=(now() - timedelta(days=2)).isoformat())
    marker = event()

    for batch in ([again, later, again], [again], [later], [marker]):
        answer = await client.post("/v1/events", json={"events": batch}, headers=headers)
        assert answer.json()["accepted"] == len(batch)

    items = await stored(client, headers, 2)
    assert sorted(one["id"] for one in items) == sorted([again["id"], marker["id"]])
    assert all(one["occurredAt"][:19] > later["occurredAt"] for one in items)


async def test_a_user_id_in_the_body_is_ignored(client: AsyncClient, mint: TokenMint) -> None:
    me, victim = uuid4(), uuid4()

    body = {"events": [event(userId=str(victim))], "userId": str(victim)}
    await client.post("/v1/events", json=body, headers=mint.headers(me))

    assert len(await stored(client, mint.headers(me), 1)) == 1
    assert await stored(client, mint.headers(victim), 0) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"events": [{}] * 101}, "too_many_events"),
        ({"events": {}}, "validation_failed"),
        ({}, "validation_failed"),
        ([], "validation_failed"),
    ],
)
async def test_a_batch_that_is_none_is_400(client: AsyncClient, mint: TokenMint, body: Any, code: str) -> None:
    answer = await client.post("/v1/events", json=body, headers=mint.headers(uuid4()))

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_somebody_who_sends_too_much_hears_when_to_go_on(settings: Settings, mint: TokenMint) -> None:
    strict = msgspec.structs.replace(settings, events_per_minute=3)
    async with open_process("interaction", strict, build, Role.HTTP) as process, calling(process.app) as client:
        process.platform.verifier.put_key(mint.event)
        headers = mint.headers(uuid4())
        first = await client.post("/v1/events", json={"events": [event(), event()]}, headers=headers)
        second = await client.post("/v1/events", json={"events": [event(), event()]}, headers=headers)

    assert (first.status_code, second.status_code) == (202, 429)
    assert "RateLimit" in first.headers
    assert int(second.headers["Retry-After"]) >= 1


async def test_without_the_broker_the_answer_is_503_and_never_202(settings: Settings, mint: TokenMint) -> None:
    lonely = msgspec.structs.replace(settings, kafka_bootstrap="127.0.0.1:1")
    async with open_process("interaction", lonely, build, Role.HTTP) as process, calling(process.app) as client:
        process.platform.verifier.put_key(mint.event)
        answer = await client.post("/v1/events", json={"events": [event()]}, headers=mint.headers(uuid4()))

    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert answer.headers["Retry-After"]


async def test_a_broker_that_accepts_and_never_answers_is_503_too(settings: Settings, mint: TokenMint) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        mute = msgspec.structs.replace(settings, kafka_bootstrap=f"127.0.0.1:{port}", drain_seconds=0.1)
        async with open_process("interaction", mute, build, Role.HTTP) as process, calling(process.app) as client:
            process.platform.verifier.put_key(mint.event)
            answer = await client.post("/v1/events", json={"events": [event()]}, headers=mint.headers(uuid4()))

    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")


async def test_an_export_is_paged_and_stays_put_while_events_arrive(client: AsyncClient, mint: TokenMint) -> None:
    headers = mint.headers(uuid4())
    moments = [now() - timedelta(hours=9 * number, minutes=1) for number in range(12)]
    sent = [event(occurredAt=moment.isoformat()) for moment in moments]
    await client.post("/v1/events", json={"events": sent}, headers=headers)
    await stored(client, headers, 12)

    read: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 5} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/users/me/events", headers=headers, params=query)).json()
        read += [one["id"] for one in page["items"]]
        cursor = page["nextCursor"]
        if not page["hasMore"]:
            break
        await client.post("/v1/events", json={"events": [event()]}, headers=headers)

    assert read == [one["id"] for one in sent]


async def test_a_cursor_is_its_readers_own(client: AsyncClient, mint: TokenMint) -> None:
    mine = mint.headers(uuid4())
    await client.post("/v1/events", json={"events": [event(), event()]}, headers=mine)
    await stored(client, mine, 2)
    cursor = (await client.get("/v1/users/me/events", headers=mine, params={"limit": 1})).json()["nextCursor"]

    foreign = await client.get("/v1/users/me/events", headers=mint.headers(uuid4()), params={"cursor": cursor})
    forged = await client.get("/v1/users/me/events", headers=mine, params={"cursor": "A" * len(cursor)})

    assert [(one.status_code, one.json()["code"]) for one in (foreign, forged)] == [(400, "cursor_invalid")] * 2


async def test_watch_time_is_bounded_by_the_real_video(client: AsyncClient, mint: TokenMint, probe: TopicProbe) -> None:
    post, video, headers = new_id(), new_id(), mint.headers(uuid4())
    await probe.publish(
        VideoChangedV1(video_id=video, owner_id=new_id(), state=VideoState.READY, duration_ms=5_280),
        PostChangedV1(
            post_id=post,
            author_id=new_id(),
            state=PostState.PUBLISHED,
            content_revision=1,
            text="",
            media_ids=(video,),
            created_at=now(),
        ),
    )

    async def bounded() -> bool:
        claim = event(entityId=str(post), metadata={"watchTime": 500, "duration": 600})
        await client.post("/v1/events", json={"events": [claim]}, headers=headers)
        items = await stored(client, headers, 1)
        return bool(items[0]["metadata"]["watchTime"] == items[0]["metadata"]["duration"] == 5.28)

    assert await eventually(bounded)


async def test_an_erased_person_has_no_events_and_no_replay_brings_them_back(
    client: AsyncClient, process: Process, mint: TokenMint, probe: TopicProbe
) -> None:
    me = uuid4()
    headers = mint.headers(me)
    sent = [event(), event(occurredAt=(now() - timedelta(days=3)).isoformat())]
    await client.post("/v1/events", json={"events": sent}, headers=headers)
    await stored(client, headers, 2)
    told = [one for one in await probe.events(UserEventRecordedV1) if one.user_id == me]

    await probe.publish(UserErasedV1(user_id=me, erased_at=now()))

    async def gone() -> bool:
        return await stored(client, headers, 0) == []

    await eventually(gone)
    late = record(parse(event(), now()), me, now(), None)
    await replay(process, [*told, late])
    assert await gone()


async def test_a_rebuilt_store_is_the_live_one(
    process: Process, client: AsyncClient, mint: TokenMint, keyspace: str
) -> None:
    me = uuid4()
    received = now()
    facts = [
        record(parse(event(occurredAt=(received - timedelta(hours=number)).isoformat()), received), me, received, None)
        for number in range(1, 30)
    ]
    await replay(process, facts)
    live = await stored(client, mint.headers(me), 29)

    await replay(process, [*reversed(facts), *facts])

    assert await stored(client, mint.headers(me), 29) == live


async def test_events_told_at_once_by_many_are_all_kept(client: AsyncClient, mint: TokenMint) -> None:
    people = [uuid4() for _ in range(8)]
    batch = [event() for _ in range(25)]

    answers = await asyncio.gather(
        *(client.post("/v1/events", json={"events": batch}, headers=mint.headers(one)) for one in people)
    )

    assert {answer.status_code for answer in answers} == {202}
    for person in people:
        assert len(await stored(client, mint.headers(person), 25)) == 25


async def replay(process: Process, facts: list[UserEventRecordedV1]) -> None:
    """As a consumer without an inbox would: every effect again."""
    interaction = process.parts.target
    assert isinstance(interaction, InteractionService)
    for fact in facts:
        async with process.platform.database.work() as work:
            await interaction.store(work, [fact])
