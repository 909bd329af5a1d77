"""Who read PostgreSQL first and reaches Redis last does not undo what was written between, on a node and a cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from daira_contracts.moderation import Decision
from daira_contracts.video import VideoChangedV1, VideoState
from daira_feed.repository import keys
from daira_feed.repository.cards import Cards
from daira_feed.repository.wire import pack
from daira_kit.ids import new_id

CARDS = (keys.post_card, keys.lean_card)


def video(owner: UUID, video_id: UUID, revision: int) -> VideoChangedV1:
    """Each revision has another address."""
    return VideoChangedV1(
        video_id=video_id,
        owner_id=owner,
        state=VideoState.PLAYABLE,
        revision=revision,
        hls_url=f"/media/videos/{revision}/master.m3u8",
        saver_url=f"/media/videos/{revision}/saver.m3u8",
        duration_ms=10_000,
        width=720,
        height=1280,
    )


@asynccontextmanager
async def slow_read(feed: Any, reader: UUID, monkeypatch: pytest.MonkeyPatch, **headers: str) -> AsyncIterator[None]:
    """A read that found cards missing and read PostgreSQL before the block, and writes them to Redis after it."""
    arrived, go = asyncio.Event(), asyncio.Event()
    writers = {name: getattr(Cards, name) for name in ("put", "put_author")}

    def delayed(name: str) -> Any:
        async def write(self: Cards, *arguments: Any) -> None:
            if asyncio.current_task() is reading:
                arrived.set()
                await go.wait()
            await writers[name](self, *arguments)

        return write

    with monkeypatch.context() as patch:
        for name in writers:
            patch.setattr(Cards, name, delayed(name))
        reading = asyncio.create_task(feed.circle(reader, **headers))
        await asyncio.wait_for(arrived.wait(), 20)
        yield
        go.set()
        await reading


async def lose(feed: Any, *names: str) -> None:
    await feed.wire.run([pack("DEL", name) for name in names])


@pytest.mark.parametrize("headers", [{}, {"save-data": "on"}], ids=["plain", "saving"])
async def test_a_card_filled_late_does_not_bring_back_an_older_video(
    any_feed: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    author, reader, clip = await any_feed.person(), await any_feed.person(), new_id()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    await any_feed.probe.publish(video(author, clip, 1))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", clip)
    post_id = UUID(await any_feed.published(author, "clip", mediaIds=[str(clip)]))
    names = [name(author.hex, post_id.hex) for name in CARDS]

    async def address() -> str:
        url: str = (await any_feed.circle(reader, **headers))["items"][0]["post"]["video"]["hlsUrl"]
        return url

    before = await address()
    await lose(any_feed, *names)
    async with slow_read(any_feed, reader, monkeypatch, **headers):
        await any_feed.probe.publish(video(author, clip, 2))
        await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s AND revision = 2", clip)
        await any_feed.settled()
        assert await address() == before.replace("/1/", "/2/")
    assert await address() == before.replace("/1/", "/2/")


async def test_a_card_filled_late_brings_back_neither_an_older_text_nor_what_it_had(
    any_feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    post_id = await any_feed.published(author, "older")
    await lose(any_feed, keys.post_card(author.hex, UUID(post_id).hex))
    headers = any_feed.mint.headers(author)
    async with slow_read(any_feed, reader, monkeypatch):
        await any_feed.client.patch(f"/v1/posts/{post_id}", json={"text": "newer"}, headers=headers)
        await any_feed.verdict(post_id, Decision.APPROVED, 2)
        await any_feed.sql_until("SELECT 1 FROM post WHERE id = %s AND approved_revision = 2", UUID(post_id))
        await any_feed.settled()
    assert [item["post"]["text"] for item in (await any_feed.circle(reader))["items"]] == ["newer"]

    await lose(any_feed, keys.post_card(author.hex, UUID(post_id).hex))
    async with slow_read(any_feed, reader, monkeypatch):
        await any_feed.client.delete(f"/v1/posts/{post_id}", headers=headers)
        await any_feed.settled()
    assert (await any_feed.circle(reader))["items"] == []


async def test_a_name_filled_late_does_not_bring_back_an_older_one(
    any_feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, reader = await any_feed.person("before"), await any_feed.person()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    await any_feed.published(author, "signed")
    await lose(any_feed, keys.author_card(author.hex))
    async with slow_read(any_feed, reader, monkeypatch):
        await any_feed.profile(author, "after")
        await any_feed.sql_until("SELECT 1 FROM profile WHERE user_id = %s AND handle = 'after'", author)
        await any_feed.settled()
    assert (await any_feed.circle(reader))["items"][0]["author"]["handle"] == "after"


async def test_a_late_card_without_a_video_does_not_take_the_newer_one_from_savers(any_feed: Any) -> None:
    author, post = new_id().hex, new_id().hex
    cards = any_feed.cards
    await cards.put(cards.post(author, post, 1, b"{2}", b"{lean}", is_limited=False, media_revision=2))
    for late in (
        cards.post(author, post, 1, b"{1}", None, is_limited=False, media_revision=1),
        cards.gone(author, post, 0),
    ):
        await cards.put(late)
        held = await any_feed.wire.run([pack("GETRANGE", name(author, post), 20, -1) for name in CARDS])
        assert held == [b"{2}", b"{lean}"]
    await cards.put(cards.gone(author, post, 1))
    assert await any_feed.wire.run([pack("EXISTS", name(author, post)) for name in CARDS]) == [1, 0]
