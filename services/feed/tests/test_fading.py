"""Keys of readers who never come back end, whoever made them last; on one Valkey node and on a cluster of three."""

from typing import Any
from uuid import UUID

from daira_feed.domain.timeline import entry_of, to_ms
from daira_feed.repository import keys
from daira_feed.repository.pushing import push, renews
from daira_feed.repository.wire import pack
from daira_kit.clock import now
from daira_kit.ids import new_id

KEPT = 1_000


async def seconds_left(feed: Any, name: str) -> int:
    (left,) = await feed.wire.run([pack("TTL", name)])
    return int(left)


async def lost(feed: Any) -> tuple[UUID, UUID]:
    """An author and a follower whose Circle ended while nobody read it."""
    author, reader = await feed.person(), await feed.person()
    await feed.follow(reader, author)
    await feed.circle(reader)
    names = (keys.circle(reader.hex), keys.reader_state(reader.hex), keys.stars(reader.hex))
    await feed.wire.run([pack("DEL", name) for name in names])
    return author, reader


async def test_a_circle_that_pushes_made_anew_ends_by_one_of_a_few_posts(any_feed: Any) -> None:
    author, reader = await lost(any_feed)
    left = []

    for _ in range(200):
        entry = entry_of(to_ms(now()), new_id().hex, author.hex)
        await push(any_feed.wire, [reader.hex], entry, KEPT)
        left.append(await seconds_left(any_feed, keys.circle(reader.hex)))
        if renews(entry):
            break

    assert left[:-1] == [-1] * (len(left) - 1)
    assert 0 < left[-1] <= KEPT


async def test_a_push_never_lengthens_the_life_of_a_circle(any_feed: Any) -> None:
    author, reader = await lost(any_feed)
    chosen = entry_of(to_ms(now()), f"{new_id().hex[:30]}00", author.hex)
    assert renews(chosen)

    await push(any_feed.wire, [reader.hex], chosen, KEPT)
    await push(any_feed.wire, [reader.hex], chosen, 10 * KEPT)

    assert 0 < await seconds_left(any_feed, keys.circle(reader.hex)) <= KEPT


async def test_whoever_stayed_away_until_the_circle_ended_gets_none_for_ever_by_the_last_pushes(any_feed: Any) -> None:
    author, reader = await lost(any_feed)
    await any_feed.sql("UPDATE reader SET active_at = now() - interval '28 days' WHERE user_id = %s", reader)

    await any_feed.published(author, "still pushed, for two more days")
    await any_feed.settled()

    (found,) = await any_feed.wire.run([pack("ZCARD", keys.circle(reader.hex))])
    assert found == 1
    assert await seconds_left(any_feed, keys.circle(reader.hex)) > 0


async def test_what_a_follow_brings_ends_too(any_feed: Any) -> None:
    author, reader = await lost(any_feed)
    circles = any_feed.service.people._circles

    await circles.add(reader.hex, [entry_of(to_ms(now()), new_id().hex, author.hex)])
    await circles.add_star([reader.hex], author.hex)

    assert await seconds_left(any_feed, keys.circle(reader.hex)) > 0
    assert await seconds_left(any_feed, keys.stars(reader.hex)) > 0
