"""After an erasure nothing of a person is left, and no late news brings anything back."""

from typing import Any
from uuid import UUID

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1
from daira_contracts.moderation import Decision
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_feed.repository import keys
from daira_feed.repository.wire import pack
from daira_kit.clock import now
from daira_kit.ids import new_id

SECRET = "sesame"
TABLES = (
    "post",
    "content",
    "profile",
    "relation",
    "author",
    "reader",
    "asset",
    "video",
    "idempotency",
    "outbox",
    "job",
)


async def erase(feed: Any, person: UUID) -> None:
    await feed.probe.publish(UserErasedV1(user_id=person, erased_at=now()))
    await feed.sql_until("SELECT 1 FROM erased WHERE user_id = %s", person)
    await feed.settled()


async def traces(feed: Any, *needles: str) -> list[str]:
    found = []
    for table in TABLES:
        rows = await feed.sql(
            f"SELECT t::text || coalesce(encode(t.value, 'escape'), '') AS row FROM {table} t"
            if table == "outbox"
            else f"SELECT t::text AS row FROM {table} t"
        )
        found += [f"{table}: {row['row']}" for row in rows if any(needle in row["row"] for needle in needles)]
    return found


async def test_nothing_of_an_erased_person_is_left(any_feed: Any) -> None:
    person, reader = await any_feed.person("ahmed_the_erased"), await any_feed.person()
    await any_feed.follow(reader, person)
    await any_feed.follow(person, reader)
    await any_feed.circle(reader)
    await any_feed.circle(person)
    key = {"Idempotency-Key": str(new_id())}
    made = await any_feed.client.post(
        "/v1/posts", json={"text": SECRET}, headers={**any_feed.mint.headers(person), **key}
    )
    post_id = made.json()["id"]
    await any_feed.verdict(post_id, Decision.APPROVED)
    await any_feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(post_id))
    await any_feed.settled()
    assert len(await any_feed.circle_ids(reader)) == 1
    await any_feed.probe.wait_for(PostChangedV1, lambda event: str(event.post_id) == post_id and event.revision == 2)

    await erase(any_feed, person)

    assert await traces(any_feed, str(person), SECRET, "ahmed_the_erased") == []
    assert await any_feed.circle_ids(reader) == []
    assert (await any_feed.read(reader, post_id)).status_code == 404
    assert (await any_feed.circle(reader))["followingCount"] == 0
    names = (keys.circle(person.hex), keys.reader_state(person.hex), keys.author_card(person.hex))
    held = await any_feed.wire.run(
        [*(pack("EXISTS", name) for name in names), pack("GET", keys.post_card(person.hex, UUID(post_id).hex))]
    )
    assert held[:3] == [0, 0, 0]
    assert SECRET.encode() not in held[3]
    await any_feed.settled()
    newest = [
        record.value for record in await any_feed.probe.records(PostChangedV1.topic) if record.key == post_id.encode()
    ][-1]
    assert newest is None


async def test_late_news_of_an_erased_person_is_not_taken_in(any_feed: Any) -> None:
    person, other = await any_feed.person("late_news"), await any_feed.person()
    await erase(any_feed, person)

    profile = ProfileChangedV1(
        user_id=person, revision=9, state=ProfileState.ACTIVE, handle="late_news", display_name="x", created_at=now()
    )
    marker = await any_feed.person()
    await any_feed.probe.publish(
        profile,
        RelationChangedV1(actor_id=other, target_id=person, follow=FollowState.FOLLOWING, revision=9),
        RelationChangedV1(actor_id=other, target_id=marker, follow=FollowState.FOLLOWING, revision=1),
    )
    await any_feed.sql_until("SELECT 1 FROM relation WHERE actor_id = %s AND target_id = %s", other, marker)
    await any_feed.sql_until("SELECT 1 FROM inbox WHERE event_id = %s", profile.event_id)
    await any_feed.settled()

    assert await traces(any_feed, str(person), "late_news") == []
    answer = await any_feed.client.post("/v1/posts", json={"text": "boo"}, headers=any_feed.mint.headers(person))
    assert (answer.status_code, answer.json()["code"]) == (403, "account_erased")
