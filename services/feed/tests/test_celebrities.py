"""Authors above the threshold of followers: merged at read time, with nothing missed and nothing twice."""

from typing import Any
from uuid import UUID

from daira_contracts.user import FollowState
from daira_feed.repository import keys
from daira_feed.repository.circles import STAR_MARK
from daira_feed.repository.wire import pack
from daira_feed.service import shelf

THRESHOLD = 10
"""The setting of the process under test."""


async def crowd(feed: Any, author: UUID, count: int) -> list[UUID]:
    people = [await feed.person() for _ in range(count)]
    for person in people:
        await feed.follow(person, author)
    return people


async def mode(feed: Any, author: UUID) -> str:
    (row,) = await feed.sql("SELECT mode FROM author WHERE user_id = %s", author)
    return str(row["mode"])


async def mixed(feed: Any) -> tuple[UUID, UUID, UUID]:
    """A reader of two authors, and six posts of them in turn."""
    reader, star, friend = await feed.person(), await feed.person(), await feed.person()
    await feed.follow(reader, star)
    await feed.follow(reader, friend)
    await feed.circle(reader)
    for number in range(6):
        await feed.published((star, friend)[number % 2], f"post {number}")
    return reader, star, friend


async def test_a_feed_is_the_same_before_and_after_its_author_becomes_a_celebrity(any_feed: Any) -> None:
    reader, star, _ = await mixed(any_feed)
    before = await any_feed.circle(reader)

    await crowd(any_feed, star, THRESHOLD)
    assert await mode(any_feed, star) == "PULLED"
    assert await any_feed.circle(reader) == before

    pages = [await any_feed.circle(reader, limit=2)]
    while pages[-1]["nextCursor"]:
        pages.append(await any_feed.circle(reader, pages[-1]["nextCursor"], limit=2))
    assert [item for page in pages for item in page["items"]] == before["items"]


async def test_a_celebritys_post_is_written_once_and_read_by_all(any_feed: Any) -> None:
    reader, star, friend = await mixed(any_feed)
    fans = await crowd(any_feed, star, THRESHOLD)
    await any_feed.circle(reader)

    post_id = await any_feed.published(star, "to the masses")
    newer = await any_feed.published(friend, "to friends")

    member = UUID(post_id).bytes + star.bytes
    (pushed,) = await any_feed.wire.run([pack("ZSCORE", keys.circle(reader.hex), member)])
    assert pushed is None
    await expire_shelf(any_feed)
    assert (await any_feed.circle_ids(reader))[:2] == [newer, post_id]
    assert (await any_feed.circle_ids(fans[0]))[0] == post_id


async def test_a_celebritys_news_costs_one_more_trip_once(any_feed: Any) -> None:
    reader, star, _ = await mixed(any_feed)
    await crowd(any_feed, star, THRESHOLD)
    await any_feed.circle(reader)

    before = any_feed.read_wire.trips
    await any_feed.circle(reader)
    assert any_feed.read_wire.trips - before == 2

    await any_feed.published(star, "news")
    await expire_shelf(any_feed)
    before = any_feed.read_wire.trips
    assert len((await any_feed.circle(reader))["items"]) == 7
    assert any_feed.read_wire.trips - before == 3
    before = any_feed.read_wire.trips
    await any_feed.circle(reader)
    assert any_feed.read_wire.trips - before == 2


async def test_a_feed_is_the_same_after_its_author_is_no_celebrity_any_more(any_feed: Any) -> None:
    reader, star, _ = await mixed(any_feed)
    fans = await crowd(any_feed, star, THRESHOLD)
    await any_feed.published(star, "at the height")
    await expire_shelf(any_feed)
    before = await any_feed.circle(reader)
    assert len(before["items"]) == 7

    for fan in fans[:2]:
        await any_feed.relate(fan, star, follow=FollowState.NONE)
    assert await mode(any_feed, star) == "PULLED", "no flapping just below the threshold"
    for fan in fans[2:5]:
        await any_feed.relate(fan, star, follow=FollowState.NONE)

    assert await mode(any_feed, star) == "PUSHED"
    assert await any_feed.circle(reader) == before
    (stars,) = await any_feed.wire.run([pack("SMEMBERS", keys.stars(reader.hex))])
    (timeline,) = await any_feed.wire.run([pack("EXISTS", keys.timeline(star.hex))])
    assert timeline == 0
    assert stars == [STAR_MARK] or stars == {STAR_MARK}


async def test_a_rebuilt_circle_knows_its_celebrities(any_feed: Any) -> None:
    reader, star, _ = await mixed(any_feed)
    await crowd(any_feed, star, THRESHOLD)
    before = await any_feed.circle(reader)

    for names in (
        [keys.circle(reader.hex), keys.reader_state(reader.hex), keys.stars(reader.hex), keys.timeline(star.hex)],
        [keys.stars(reader.hex)],
        [keys.timeline(star.hex)],
    ):
        await any_feed.wire.run([pack("DEL", name) for name in names])
        any_feed.service.circle._shelf.drop(star.hex)
        assert await any_feed.circle(reader) == before


async def test_unfollowing_and_removing_work_for_celebrities_too(any_feed: Any) -> None:
    reader, star, _ = await mixed(any_feed)
    await crowd(any_feed, star, THRESHOLD)
    post_id = await any_feed.published(star, "oops")
    await expire_shelf(any_feed)
    assert (await any_feed.circle_ids(reader))[0] == post_id

    await any_feed.client.delete(f"/v1/posts/{post_id}", headers=any_feed.mint.headers(star))
    await any_feed.settled()
    assert post_id not in await any_feed.circle_ids(reader)

    await any_feed.relate(reader, star, follow=FollowState.NONE)
    assert {item["author"]["id"] for item in (await any_feed.circle(reader))["items"]} != {str(star)}
    assert len(await any_feed.circle_ids(reader)) == 3


async def test_a_new_follower_of_a_celebrity_sees_the_past(any_feed: Any) -> None:
    _, star, _ = await mixed(any_feed)
    await crowd(any_feed, star, THRESHOLD)
    newcomer = await any_feed.person()
    await any_feed.circle(newcomer)

    await any_feed.follow(newcomer, star)

    assert len(await any_feed.circle_ids(newcomer)) == 3


async def expire_shelf(feed: Any) -> None:
    """As if FRESH_SECONDS had passed."""
    for row in feed.service.circle._shelf._rows.values():
        row.asked_at -= shelf.FRESH_SECONDS * 2
