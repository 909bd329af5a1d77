"""Circle, on one Valkey node and on a cluster of three."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_feed.domain.timeline import CIRCLE_SIZE, entry_of, to_ms
from daira_feed.metrics import REBUILDS
from daira_feed.repository import keys
from daira_feed.repository.pushing import push
from daira_feed.repository.wire import pack
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.postgres import Database

KEPT = 1_000


async def couple(feed: Any) -> tuple[UUID, UUID]:
    """An author and an active follower."""
    author, reader = await feed.person(), await feed.person()
    await feed.follow(reader, author)
    await feed.circle(reader)
    return author, reader


async def lose(feed: Any, *names: str) -> None:
    await feed.wire.run([pack("DEL", name) for name in names])


async def lose_circle(feed: Any, reader: UUID) -> None:
    await lose(feed, keys.circle(reader.hex), keys.reader_state(reader.hex), keys.stars(reader.hex))


def rebuilds() -> float:
    return float(REBUILDS._value.get())


@asynccontextmanager
async def no_sql_from_here(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Whatever this task does gets no connection; the process's own background work goes on."""
    me, connection = asyncio.current_task(), Database._connection

    def refuse(self: Database) -> Any:
        assert asyncio.current_task() is not me, "a warm read asked PostgreSQL"
        return connection(self)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_connection", refuse)
        yield


async def test_a_follow_backfills_and_an_unfollow_removes(any_feed: Any) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    ids = [await any_feed.published(author, f"post {number}") for number in range(3)]
    assert await any_feed.circle_ids(reader) == []

    await any_feed.follow(reader, author)
    assert await any_feed.circle_ids(reader) == ids[::-1]

    await any_feed.relate(reader, author, follow=FollowState.NONE)
    page = await any_feed.circle(reader)
    assert (page["items"], page["followingCount"]) == ([], 0)

    await any_feed.follow(reader, author)
    assert await any_feed.circle_ids(reader) == ids[::-1]


async def test_a_follow_right_after_an_unfollow_counts_although_the_pairs_key_was_removed_between(feed: Any) -> None:
    author, reader = await couple(feed)
    post = await feed.published(author, "still here")

    await feed.relate(reader, author, follow=FollowState.NONE)
    await feed.process.platform.producer.send(
        RelationChangedV1.topic, RelationChangedV1.key_of(reader, author).encode(), None, []
    )
    await feed.follow(reader, author)

    page = await feed.circle(reader)
    assert ([item["post"]["id"] for item in page["items"]], page["followingCount"]) == ([post], 1)


async def test_a_tombstone_whose_last_event_was_missed_ends_the_relation(feed: Any) -> None:
    author, reader = await couple(feed)
    await feed.published(author, "gone for this reader")

    await feed.process.platform.producer.send(
        RelationChangedV1.topic, RelationChangedV1.key_of(reader, author).encode(), None, []
    )
    await feed.sql_until("SELECT 1 FROM relation WHERE actor_id = %s AND NOT follows", reader)
    await feed.settled()

    page = await feed.circle(reader)
    assert (page["items"], page["followingCount"]) == ([], 0)


async def test_a_profile_whose_key_left_its_topic_leaves_no_name_on_cards(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post = await any_feed.published(author, "by whom?")
    (before,) = (await any_feed.circle(reader))["items"]

    await any_feed.process.platform.producer.send(ProfileChangedV1.topic, str(author).encode(), None, [])
    await any_feed.sql_until("SELECT 1 WHERE NOT EXISTS (SELECT FROM profile WHERE user_id = %s)", author)
    await any_feed.settled()

    (after,) = (await any_feed.circle(reader))["items"]
    assert before["author"]["handle"] == f"u{author.hex[-8:]}"
    assert (after["post"]["id"], after["author"]["handle"]) == (post, None)


async def test_a_request_to_follow_is_not_following(any_feed: Any) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    await any_feed.published(author, "private thoughts")

    await any_feed.relate(reader, author, follow=FollowState.REQUESTED)

    page = await any_feed.circle(reader)
    assert (page["items"], page["followingCount"]) == ([], 0)


async def test_a_block_empties_both_circles_and_its_end_brings_nothing_back_by_itself(any_feed: Any) -> None:
    one, other = await any_feed.person(), await any_feed.person()
    await any_feed.follow(one, other)
    await any_feed.follow(other, one)
    for person in (one, other):
        await any_feed.circle(person)
        await any_feed.published(person, "hello")
    assert len(await any_feed.circle_ids(one)) == len(await any_feed.circle_ids(other)) == 1

    await any_feed.relate(one, other, follow=FollowState.FOLLOWING, blocks=True)
    assert await any_feed.circle_ids(one) == []
    assert await any_feed.circle_ids(other) == []

    await any_feed.relate(other, one, follow=FollowState.NONE)
    await any_feed.relate(one, other, follow=FollowState.NONE, blocks=False)
    assert await any_feed.circle_ids(one) == []
    await any_feed.follow(one, other)
    assert len(await any_feed.circle_ids(one)) == 1


async def test_the_end_of_a_block_brings_back_what_is_still_followed(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "you again")
    await any_feed.relate(author, reader, blocks=True)
    assert await any_feed.circle_ids(reader) == []

    await any_feed.relate(author, reader, blocks=False)

    assert await any_feed.circle_ids(reader) == [post_id]


async def test_a_mute_hides_and_its_end_shows_again(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "loud")

    await any_feed.relate(reader, author, follow=FollowState.FOLLOWING, mutes=True)
    assert await any_feed.circle_ids(reader) == []

    await any_feed.relate(reader, author, follow=FollowState.FOLLOWING)
    assert await any_feed.circle_ids(reader) == [post_id]


async def test_an_author_who_left_is_shown_nowhere(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    await any_feed.published(author, "goodbye")

    await any_feed.profile(author, "gone", state=ProfileState.REMOVED)
    await any_feed.sql_until("SELECT 1 FROM profile WHERE user_id = %s AND NOT is_active", author)
    await any_feed.settled()

    assert await any_feed.circle_ids(reader) == []


async def test_a_new_name_reaches_all_cards(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    await any_feed.published(author, "who am I")

    await any_feed.profile(author, "renamed", avatar_url="/media/images/a/160.webp")
    await any_feed.sql_until("SELECT 1 FROM profile WHERE user_id = %s AND handle = 'renamed'", author)
    await any_feed.settled()

    (item,) = (await any_feed.circle(reader))["items"]
    assert (item["author"]["handle"], item["author"]["avatarUrl"]) == ("renamed", "/media/images/a/160.webp")


async def test_what_is_done_twice_is_there_once(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "once")

    for _ in range(3):
        await any_feed.sql("UPDATE spread SET is_done = false, after_follower = NULL WHERE post_id = %s", UUID(post_id))
        await any_feed.service.spreading.spread(UUID(post_id))
        await any_feed.service.people.tie(reader, author)

    assert await any_feed.circle_ids(reader) == [post_id]


async def test_a_tombstone_beats_a_late_create(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "too late")
    (row,) = await any_feed.sql("SELECT published_at FROM post WHERE id = %s", UUID(post_id))
    removed = await any_feed.client.delete(f"/v1/posts/{post_id}", headers=any_feed.mint.headers(author))
    assert removed.status_code == 204
    await any_feed.settled()

    entry = entry_of(to_ms(row["published_at"]), UUID(post_id).hex, author.hex)
    await push(any_feed.wire, [reader.hex], entry, KEPT)
    cards = any_feed.cards
    await cards.put(cards.post(author.hex, UUID(post_id).hex, 2, b"{}", None, is_limited=False))

    assert await any_feed.circle_ids(reader) == []
    (score,) = await any_feed.wire.run([pack("ZSCORE", keys.circle(reader.hex), entry[1])])
    assert score is None


@pytest.mark.parametrize("end", [{"follow": FollowState.NONE}, {"follow": FollowState.FOLLOWING, "blocks": True}])
async def test_a_push_that_comes_after_the_end_of_a_follow_is_not_shown(any_feed: Any, end: dict[str, Any]) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "on its way")
    (row,) = await any_feed.sql("SELECT published_at FROM post WHERE id = %s", UUID(post_id))

    await any_feed.relate(reader, author, **end)
    late = entry_of(to_ms(row["published_at"]), UUID(post_id).hex, author.hex)
    await push(any_feed.wire, [reader.hex], late, KEPT)

    assert await any_feed.circle_ids(reader) == []


async def test_a_fan_out_goes_on_from_the_page_where_a_worker_died(any_feed: Any) -> None:
    author = await any_feed.person()
    readers = sorted([await any_feed.person() for _ in range(7)])
    for reader in readers:
        await any_feed.follow(reader, author)
        await any_feed.circle(reader)
    post_id = UUID(await any_feed.published(author, "to seven"))
    (row,) = await any_feed.sql("SELECT published_at FROM post WHERE id = %s", post_id)
    for reader in readers:
        await any_feed.wire.run([pack("ZREM", keys.circle(reader.hex), (post_id.bytes + author.bytes))])
    await any_feed.sql("UPDATE spread SET is_done = false, after_follower = %s WHERE post_id = %s", readers[2], post_id)

    await any_feed.service.spreading.spread(post_id)

    assert row["published_at"]
    lengths = [len(await any_feed.circle_ids(reader)) for reader in readers]
    assert lengths == [0, 0, 0, 1, 1, 1, 1]


async def test_a_lost_circle_comes_back_as_it_was(any_feed: Any) -> None:
    reader, muted = await any_feed.person(), await any_feed.person()
    authors = [await any_feed.person() for _ in range(3)]
    for author in (*authors, muted):
        await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    for number in range(6):
        await any_feed.published(authors[number % 3], f"post {number}")
    await any_feed.published(muted, "silence")
    await any_feed.relate(reader, muted, follow=FollowState.FOLLOWING, mutes=True)
    before = await any_feed.circle(reader)

    await lose_circle(any_feed, reader)
    rebuilt = await any_feed.circle(reader)
    await lose(any_feed, keys.circle(reader.hex))
    again = await any_feed.circle(reader)
    await lose(any_feed, keys.reader_state(reader.hex))
    once_more = await any_feed.circle(reader)
    await lose(any_feed, keys.stars(reader.hex))
    at_last = await any_feed.circle(reader)

    assert len(before["items"]) == 6
    assert before == rebuilt == again == once_more == at_last


async def test_pushes_onto_a_lost_circle_do_not_pass_for_a_circle(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    old = await any_feed.published(author, "old")
    await lose(any_feed, keys.circle(reader.hex))

    new = await any_feed.published(author, "new")

    assert await any_feed.circle_ids(reader) == [new, old]


async def test_lost_cards_and_names_come_back(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "card")
    before = await any_feed.circle(reader)

    await lose(any_feed, keys.post_card(author.hex, UUID(post_id).hex), keys.author_card(author.hex))

    assert await any_feed.circle(reader) == before
    (held,) = await any_feed.wire.run([pack("EXISTS", keys.post_card(author.hex, UUID(post_id).hex))])
    assert held == 1


async def test_two_hundred_readers_of_a_cold_circle_cause_one_rebuild(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post_id = await any_feed.published(author, "cold")
    await lose_circle(any_feed, reader)
    before = rebuilds()

    pages = await asyncio.gather(*(any_feed.circle(reader) for _ in range(200)))

    assert rebuilds() - before == 1
    assert {page["items"][0]["post"]["id"] for page in pages} == {post_id}


async def test_a_second_process_waits_for_the_rebuild_of_the_first(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    await any_feed.published(author, "cold")
    await lose_circle(any_feed, reader)
    circles = any_feed.service.people._circles
    assert await circles.take_rebuild(reader.hex, "another process", 10)
    before = rebuilds()

    waiting = asyncio.create_task(any_feed.circle(reader))
    await asyncio.sleep(0)
    await circles.end_rebuild(reader.hex, "not the holder")
    assert not await circles.take_rebuild(reader.hex, "a third", 10)
    await circles.end_rebuild(reader.hex, "another process")

    assert len((await waiting)["items"]) == 1
    assert rebuilds() - before == 1


async def test_the_inactive_are_skipped_and_rebuilt_when_they_return(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    await any_feed.published(author, "before")
    gone_since = now() - timedelta(seconds=any_feed.settings.inactive_seconds + 1)
    await any_feed.sql("UPDATE reader SET active_at = %s WHERE user_id = %s", gone_since, reader)
    await lose_circle(any_feed, reader)  # its keys expire before pushes stop

    await any_feed.published(author, "while away")
    (size,) = await any_feed.wire.run([pack("ZCARD", keys.circle(reader.hex))])
    assert size == 0

    assert len(await any_feed.circle_ids(reader)) == 2
    await any_feed.published(author, "after")
    assert len(await any_feed.circle_ids(reader)) == 3


async def test_circles_nobody_reads_expire_before_pushes_stop(any_feed: Any) -> None:
    _, reader = await couple(any_feed)

    lives = await any_feed.wire.run([pack("TTL", keys.circle(reader.hex)), pack("TTL", keys.reader_state(reader.hex))])

    assert all(0 < life < any_feed.settings.inactive_seconds for life in lives)


async def test_cards_expire_and_counts_do_not(any_feed: Any) -> None:
    author, reader = await couple(any_feed)
    post = UUID(await any_feed.published(author, "counted"))
    counts = b'{"likes":7,"comments":1,"shares":0,"views":90}'
    await any_feed.cards.put_counts(author.hex, post.hex, 2, counts)
    await any_feed.cards.put_counts(author.hex, post.hex, 1, b'{"likes":6}')

    (item,) = (await any_feed.circle(reader))["items"]
    names = (keys.post_card(author.hex, post.hex), keys.author_card(author.hex), keys.post_counts(author.hex, post.hex))
    lives = await any_feed.wire.run([pack("TTL", name) for name in names])

    assert item["counts"] == {"likes": 7, "comments": 1, "shares": 0, "views": 90}
    assert lives[0] > 0
    assert lives[1] > 0
    assert lives[2] == -1


async def test_a_reader_is_marked_active_once_a_day(any_feed: Any) -> None:
    _, reader = await couple(any_feed)
    await any_feed.sql("UPDATE reader SET active_at = %s WHERE user_id = %s", now() - timedelta(days=2), reader)
    await any_feed.wire.run([pack("HSET", keys.reader_state(reader.hex), "day", 1)])

    await any_feed.circle(reader)

    (row,) = await any_feed.sql("SELECT active_at FROM reader WHERE user_id = %s", reader)
    assert now() - row["active_at"] < timedelta(minutes=1)


async def test_a_circle_holds_a_thousand_and_fills_up_after_an_unfollow(any_feed: Any) -> None:
    reader, many, few = await any_feed.person(), await any_feed.person(), await any_feed.person()
    for author, count, day in ((many, 1_100, 1), (few, 50, 2)):
        await any_feed.sql(
            """
            INSERT INTO post (id, author_id, state, visibility, reply_policy, approved_revision, created_at,
                published_at)
            SELECT gen_random_uuid(), %s, 'PUBLISHED', 'PUBLIC', 'EVERYONE', 1, at, at
            FROM generate_series(1, %s) AS n,
                LATERAL (SELECT timestamptz '2026-01-01' - make_interval(days => %s, secs => n) AS at) AS time
            """,
            author,
            count,
            day,
        )
    await any_feed.circle(reader)
    await any_feed.follow(reader, few)
    await any_feed.follow(reader, many)
    assert len(await any_feed.circle_ids(reader, 100)) == CIRCLE_SIZE

    await any_feed.published(many, "one more")
    assert len(await any_feed.circle_ids(reader, 100)) == CIRCLE_SIZE

    await any_feed.relate(reader, many, follow=FollowState.NONE)
    assert len(await any_feed.circle_ids(reader, 100)) == 50


async def test_a_warm_page_takes_two_round_trips_and_no_sql(any_feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = await any_feed.person()
    authors = [await any_feed.person() for _ in range(5)]
    for author in authors:
        await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    for number in range(25):
        await any_feed.published(authors[number % 5], f"post {number}")
    first = await any_feed.circle(reader)
    before = any_feed.read_wire.trips

    async with no_sql_from_here(monkeypatch):
        page = await any_feed.circle(reader)
        after_one = any_feed.read_wire.trips
        rest = await any_feed.circle(reader, page["nextCursor"])

    assert page == first
    assert (len(page["items"]), len(rest["items"])) == (20, 5)
    assert after_one - before == 2
    assert any_feed.read_wire.trips - after_one == 2


async def test_a_page_emptied_by_filtering_does_not_end_the_list(any_feed: Any) -> None:
    reader, muted, heard = await any_feed.person(), await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, muted)
    await any_feed.follow(reader, heard)
    await any_feed.circle(reader)
    wanted = await any_feed.published(heard, "below the noise")
    for number in range(4):
        await any_feed.published(muted, f"noise {number}")
    await any_feed.relate(reader, muted, follow=FollowState.FOLLOWING, mutes=True)

    page = await any_feed.circle(reader, limit=2)

    assert [item["post"]["id"] for item in page["items"]] == [wanted]
    assert page["hasMore"] is False


async def test_cursors_cannot_be_forged_or_borrowed(feed: Any) -> None:
    author, reader = await couple(feed)
    for number in range(3):
        await feed.published(author, f"post {number}")
    cursor = (await feed.circle(reader, limit=1))["nextCursor"]
    other = await feed.person()
    middle = cursor[len(cursor) // 2]
    forged = cursor.replace(middle, "A" if middle != "A" else "B")

    for owner, text in ((other, cursor), (reader, forged), (reader, "!"), (reader, "ü"), (reader, cursor[:-4])):
        answer = await feed.client.get("/v1/feed/circle", params={"cursor": text}, headers=feed.mint.headers(owner))
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), text


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1"])
async def test_a_bad_limit_is_refused(feed: Any, limit: str) -> None:
    answer = await feed.client.get("/v1/feed/circle", params={"limit": limit}, headers=feed.mint.headers(new_id()))

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_reader_has_so_many_pages_a_minute(any_feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, other = await any_feed.person(), await any_feed.person()
    monkeypatch.setattr(any_feed.service.circle, "_limit", 3)

    async def read(person: UUID) -> Any:
        return await any_feed.client.get("/v1/feed/circle", headers=any_feed.mint.headers(person))

    answers = await asyncio.gather(*(read(reader) for _ in range(10)))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert sum(answer.status_code == 200 for answer in answers) <= 6  # three a minute, and a minute may just end
    assert refused[0].json()["code"] == "rate_limited"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    assert "remaining=0" in refused[0].headers["ratelimit"]
    assert (await read(other)).status_code == 200
