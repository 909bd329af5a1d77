"""Redis made anew from PostgreSQL while it is read and pushed to."""

import signal
from typing import Any
from uuid import UUID

import pytest

from daira_bus.projection import Page
from daira_feed.domain.timeline import Entry, entry_of
from daira_feed.repository import keys
from daira_feed.repository.wire import pack
from daira_feed.service.refilling import READERS
from daira_feed.wiring import SERVICE
from daira_kit.ids import new_id
from daira_testing.command import say
from daira_testing.halting import halted, shadow_of
from daira_testing.projection import environ_of


async def refilled(feed: Any, *, dry: bool = False) -> list[Page]:
    pages, after = [], None
    while True:
        pages.append(await feed.service.refilling.circles(after, dry=dry))
        after = pages[-1].after
        if after is None:
            return pages


async def entries(feed: Any, reader: Any) -> list[Entry]:
    (held,) = await feed.service.refilling._circles.read_held([reader.hex])
    return sorted(held.entries, reverse=True)


async def forget(feed: Any, reader: Any) -> None:
    names = (keys.circle(reader.hex), keys.reader_state(reader.hex), keys.stars(reader.hex))
    await feed.wire.run([pack("DEL", name) for name in names])


async def reader_of_two(feed: Any) -> tuple[Any, list[str]]:
    author, reader = await feed.person(), await feed.person()
    await feed.follow(reader, author)
    posts = [await feed.published(author, "one"), await feed.published(author, "two")]
    assert await feed.circle_ids(reader) == posts[::-1]
    return reader, posts


async def test_a_lost_circle_is_the_one_it_was(any_feed: Any) -> None:
    reader, posts = await reader_of_two(any_feed)
    before = await entries(any_feed, reader)
    await forget(any_feed, reader)

    await refilled(any_feed)

    assert await entries(any_feed, reader) == before
    assert await any_feed.service.refilling._circles.is_whole(reader.hex)
    assert await any_feed.circle_ids(reader) == posts[::-1]


async def test_what_does_not_belong_goes_and_what_lacks_comes_back(any_feed: Any) -> None:
    reader, _ = await reader_of_two(any_feed)
    before = await entries(any_feed, reader)
    score, member = before[0]
    foreign = entry_of(score + 1, new_id().hex, new_id().hex)
    key = keys.circle(reader.hex)
    await any_feed.wire.run(
        [pack("ZADD", key, *foreign), pack("ZREM", key, before[1][1]), pack("ZADD", key, score - 9, member)]
    )
    spoilt = await entries(any_feed, reader)

    await refilled(any_feed, dry=True)
    assert await entries(any_feed, reader) == spoilt

    await refilled(any_feed)
    assert await entries(any_feed, reader) == before
    pages = await refilled(any_feed)
    assert not sum(page.written + page.removed for page in pages)


async def test_who_reads_no_longer_is_passed_over(feed: Any) -> None:
    reader, _ = await reader_of_two(feed)
    await forget(feed, reader)
    await feed.sql("UPDATE reader SET active_at = now() - interval '1 year' WHERE user_id = %s", reader)

    await refilled(feed)

    assert await entries(feed, reader) == []


async def test_the_command_goes_on_from_where_a_killed_one_stopped(feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ_of(SERVICE, feed.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("daira_feed.service.refilling.READERS", 1)
    readers = sorted([(await reader_of_two(feed))[0] for _ in range(2)])
    for reader in readers:
        await forget(feed, reader)
    # What a run leaves that was killed after the first of the two.
    await feed.sql("CREATE SCHEMA rebuild_feed_circle")
    await feed.sql("CREATE TABLE rebuild_feed_circle.about AS SELECT %s::text AS fingerprint", repr(("1", [])))
    await feed.sql("CREATE TABLE rebuild_feed_circle.progress (topic text, partition integer, next_offset bigint)")
    await feed.sql("CREATE TABLE rebuild_feed_circle.cursor AS SELECT %s::text AS place", str(readers[0]))

    said = await say("rebuild", "feed.circle", "--prefix", feed.settings.topic_prefix, "--json")

    assert said.code == 0, said.err
    assert said.json["rebuilt"][0]["resumed"]
    assert await entries(feed, readers[0]) == []
    assert len(await entries(feed, readers[1])) == 2
    assert (await say("rebuild", "feed.circle", "feed.cards", "feed.authors", "--json")).code == 0
    assert len(await entries(feed, readers[0])) == 2


async def test_a_refill_killed_between_two_pages_goes_on_from_there(feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = environ_of(SERVICE, feed.settings)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    refill = next(one for one in SERVICE.projections if one.name == "feed.circle")
    reader, _ = await reader_of_two(feed)
    before = await entries(feed, reader)
    earlier = [UUID(int=number) for number in range(1, READERS + 1)]  # a page of their own: ids are in order
    await feed.sql("INSERT INTO reader (user_id, active_at) SELECT unnest(%s::uuid[]), now()", earlier)
    database = feed.process.platform.database
    await forget(feed, reader)

    async with halted(refill, database, feed.settings.topic_prefix, environ) as process:
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with database.read() as work:
        assert await shadow_of(refill).cursor(work) == str(earlier[-1])
    await forget(feed, reader)  # as if the second page had not come so far
    said = await say("rebuild", "feed.circle", "--prefix", feed.settings.topic_prefix, "--json")

    assert said.code == 0, said.err
    (report,) = said.json["rebuilt"]
    assert (report["resumed"], report["seen"]) == (True, await feed.service.refilling.count_readers() - READERS)
    assert await entries(feed, reader) == before
    await feed.sql("DELETE FROM reader WHERE user_id = ANY(%s)", earlier)


async def test_only_author_cards_that_are_lost_or_differ_are_counted_and_written(any_feed: Any) -> None:
    author = await any_feed.person()
    await any_feed.published(author, "one")
    await authors(any_feed)  # other tests' people too
    name = keys.author_card(author.hex)
    (before,) = await any_feed.wire.run([pack("GET", name)])
    await any_feed.wire.run([pack("DEL", name)])

    lost, mended, after = await authors(any_feed, dry=True), await authors(any_feed), await authors(any_feed)

    assert [page.written for page in (lost, mended, after)] == [1, 1, 0]
    assert await any_feed.wire.run([pack("GET", name)]) == [before]


async def authors(feed: Any, *, dry: bool = False) -> Page:
    page: Page = await feed.service.refilling.authors(None, dry=dry)
    return page


async def lost(feed: Any, name: str) -> None:
    await feed.wire.run([pack("DEL", name)])


async def stale(feed: Any, name: str) -> None:
    (held,) = await feed.wire.run([pack("GET", name)])
    older = int(held[1:20]) - 1
    await feed.wire.run([pack("SET", name, held[:1] + f"{older:019}".encode() + b'{"text":"before"}')])


async def spoilt(feed: Any, name: str) -> None:
    (held,) = await feed.wire.run([pack("GET", name)])
    await feed.wire.run([pack("SET", name, held[:20] + b'{"text":"never said"}')])


async def unreadable(feed: Any, name: str) -> None:
    await feed.wire.run([pack("SET", name, "rubbish")])


async def gone(feed: Any, name: str) -> None:
    (held,) = await feed.wire.run([pack("GET", name)])
    await feed.wire.run([pack("SET", name, b"2" + f"{int(held[1:20]) // 10**9 * 10**9 + 10**9 - 1:019}".encode())])


@pytest.mark.parametrize("harm", [lost, stale, spoilt, unreadable, gone])
async def test_only_post_cards_that_are_lost_or_differ_are_counted_and_written(any_feed: Any, harm: Any) -> None:
    author = await any_feed.person()
    post_id = await any_feed.published(author, "one")
    await cards(any_feed)  # other tests' posts too
    name = keys.post_card(author.hex, UUID(post_id).hex)
    (before,) = await any_feed.wire.run([pack("GET", name)])
    await harm(any_feed, name)

    found, mended, after = await cards(any_feed, dry=True), await cards(any_feed), await cards(any_feed)

    assert (found, mended, after) == (1, 1, 0)
    assert await any_feed.wire.run([pack("GET", name)]) == [before]


async def test_a_card_of_a_removed_post_is_found_and_makes_way_for_its_tombstone(any_feed: Any) -> None:
    author = await any_feed.person()
    post_id = await any_feed.published(author, "one")
    name = keys.post_card(author.hex, UUID(post_id).hex)
    (shown,) = await any_feed.wire.run([pack("GET", name)])
    await any_feed.client.delete(f"/v1/posts/{post_id}", headers=any_feed.mint.headers(author))
    await any_feed.settled()
    await cards(any_feed)
    (tombstone,) = await any_feed.wire.run([pack("GET", name)])
    await any_feed.wire.run([pack("SET", name, shown)])

    found, mended, after = await cards(any_feed, dry=True), await cards(any_feed), await cards(any_feed)

    assert (found, mended, after) == (1, 1, 0)
    assert tombstone[:1] == b"2"
    assert await any_feed.wire.run([pack("GET", name)]) == [tombstone]
    await lost(any_feed, name)  # its time is over
    assert await cards(any_feed, dry=True) == 0


async def test_a_card_that_is_ahead_of_the_database_we_read_stays(any_feed: Any) -> None:
    author = await any_feed.person()
    post_id = await any_feed.published(author, "one")
    await cards(any_feed)
    newer = any_feed.cards.post(author.hex, UUID(post_id).hex, 9, b"{}", None, is_limited=False)
    await any_feed.cards.put(newer)
    held = await any_feed.cards.read_posts([newer])

    assert await cards(any_feed) == 0
    assert await any_feed.cards.read_posts([newer]) == held
    await lost(any_feed, keys.post_card(author.hex, UUID(post_id).hex))


async def test_a_dry_rebuild_of_cards_exits_1_when_one_is_wrong(feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ_of(SERVICE, feed.settings).items():
        monkeypatch.setenv(name, value)
    author = await feed.person()
    post_id = await feed.published(author, "one")
    command = ("rebuild", "feed.cards", "--prefix", feed.settings.topic_prefix, "--json")
    assert (await say(*command)).code == 0
    await spoilt(feed, keys.post_card(author.hex, UUID(post_id).hex))

    dry, run, again = await say(*command, "--dry-run"), await say(*command), await say(*command)

    assert (dry.code, run.code, again.code) == (1, 0, 0)
    assert [said.json["rebuilt"][0]["added"] for said in (dry, run, again)] == [1, 1, 0]


async def cards(feed: Any, *, dry: bool = False) -> int:
    """How many posts were, or would be, written."""
    written, after = 0, None
    while True:
        page: Page = await feed.service.refilling.cards(after, dry=dry)
        written, after = written + page.written, page.after
        if after is None:
            return written
