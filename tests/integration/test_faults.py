"""Servers killed and started again while people use the platform: every accepted request becomes visible, once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daira_devtools.stack import Endpoints, Stack
from daira_kit.settings import environment
from daira_testing.clips import Clip, make
from daira_testing.journal import Person, follower_and_author, use
from daira_testing.waiting import eventually

ROUNDS = 5 if environment("SIZE") == "full" else 1
VISIBLE_WITHIN = 30.0
LEASE_SECONDS = 30.0
"""What a killed worker was transcoding waits for the end of its lease; nothing else may take longer than a text."""
DOWN_SECONDS = 1.0
VICTIMS = ["kafka", "postgres", "valkey", "cassandra", "feed", "moderation", "interaction", "user", "auth"]
VICTIMS_OF_MEDIA = ["s3", "kafka", "postgres", "media", "video"]
HOLDS_UPLOADS = {"s3", "postgres", "media"}
UNSETTLED = {"UPLOADED", "PROBING", "PROCESSING"}


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.sized
@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_what_was_accepted_is_visible_once_although_a_server_was_killed(
    victim: str, round_number: int, platform: Endpoints, own_stack: Stack
) -> None:
    async with follower_and_author(platform.gateway_url) as (follower, author):
        stop = asyncio.Event()
        using = asyncio.create_task(use(follower, author, stop))
        await asyncio.sleep(0.5)
        async with killed(own_stack, victim):
            await asyncio.sleep(DOWN_SECONDS)
        await asyncio.sleep(0.5)
        stop.set()
        await using

        await eventually(lambda: _all_there(follower, author), within=VISIBLE_WITHIN, every=0.5)
        posts, events = Counter(await follower.circle()), Counter(await follower.stored_events())

    assert posts == Counter(author.posts)
    assert events == Counter(follower.events)


@asynccontextmanager
async def killed(own_stack: Stack, victim: str) -> AsyncIterator[None]:
    """SIGKILL before, and back with its data afterwards."""
    await own_stack.stop(victim, kill=True)
    try:
        yield
    finally:
        await own_stack.start(victim)


async def _all_there(follower: Person, author: Person) -> bool:
    circle, stored = set(await follower.circle()), set(await follower.stored_events())
    return set(author.posts) <= circle and set(follower.events) <= stored


# Media in flight


@pytest.mark.parametrize("victim", VICTIMS_OF_MEDIA)
@pytest.mark.sized
@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_clips_in_flight_become_streams_seen_once_although_a_server_was_killed(
    victim: str, round_number: int, platform: Endpoints, own_stack: Stack, tmp_path: Path
) -> None:
    clip = make(tmp_path / "clip.mp4", Clip(noise=True)).read_bytes()
    async with follower_and_author(platform.gateway_url) as (follower, author):
        early, late, go_on = await author.upload(clip), await author.upload(clip), asyncio.Event()
        sending = asyncio.create_task(late.send(go_on))
        await late.in_the_middle.wait()
        await early.send()
        await author.post("وصل كله", [early.media_id])
        state = (await author.get(f"/v1/media/{early.media_id}"))["state"]
        texts = [await author.post("كلام قبله")]

        async with killed(own_stack, victim):
            go_on.set()
            await asyncio.sleep(DOWN_SECONDS)
            arrived_meanwhile = sending.done()
        await sending
        await author.post("انقطع واستؤنف", [late.media_id])
        texts.append(await author.post("كلام بعده"))

        for_a_lease = LEASE_SECONDS if victim == "video" else 0.0
        shown, _ = await asyncio.gather(
            eventually(lambda: _streams(follower, author), within=VISIBLE_WITHIN + for_a_lease, every=0.5),
            eventually(lambda: _are_seen(follower, texts), within=VISIBLE_WITHIN, every=0.5),
        )
        times = Counter(await follower.circle())

    assert state in UNSETTLED
    assert times == Counter(author.posts)
    assert shown == {early.media_id, late.media_id}
    if victim in HOLDS_UPLOADS:
        assert not arrived_meanwhile
    if victim == "media":
        assert late.resumed > 0


async def _are_seen(follower: Person, posts: list[str]) -> bool:
    return set(posts) <= set(await follower.circle())


async def _streams(follower: Person, author: Person) -> set[str] | None:
    """The media ids of the author's clips once all of them play in the follower's Circle."""
    items: list[dict[str, Any]] = [item["post"] for item in await follower.all("/v1/feed/circle")]
    if not set(author.posts) <= {post["id"] for post in items}:
        return None
    clips = [medium for post in items for medium in post["media"]]
    for clip in clips:
        assert (await author.get(f"/v1/media/{clip['id']}"))["state"] == "READY"
    return {clip["id"] for clip in clips}
