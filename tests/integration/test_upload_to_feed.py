"""The main job through the gateway: a phone's video becomes an adaptive stream in a follower's Circle."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from daira_devtools.demo.report import Report
from daira_devtools.demo.scenario import Outcome, play
from daira_devtools.stack import Endpoints
from daira_testing.clips import sample

EVERY = {"postgres", "broadcasts", "consumer", "kafka", "relay"}
OWN = {
    "auth": {"redis"},
    "user": {"redis", "s3"},
    "feed": {"redis"},
    "media": {"redis", "s3", "sandbox"},
    "video": {"s3", "sandbox"},
    "interaction": {"cassandra", "redis"},
    "moderation": {"redis", "s3"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcome(platform: Endpoints) -> Outcome:
    """The whole walk, once."""
    return await asyncio.to_thread(play, platform.gateway_url, sample().read_bytes(), Report())


@pytest_asyncio.fixture(loop_scope="session")
async def anyone(platform: Endpoints) -> AsyncIterator[httpx.AsyncClient]:
    """A player: it knows the URL and has no token."""
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False, timeout=30) as client:
        yield client


async def test_a_video_becomes_a_stream_in_a_followers_circle(outcome: Outcome) -> None:
    assert outcome.post_id


async def test_a_segment_is_given_in_parts_and_kept_for_ever(outcome: Outcome, anyone: httpx.AsyncClient) -> None:
    segment = httpx.URL(outcome.hls_url).join("360p/seg_00000.ts")
    whole = await anyone.get(segment)

    part = await anyone.get(segment, headers={"Range": "bytes=188-375"})
    beyond = await anyone.get(segment, headers={"Range": f"bytes={len(whole.content)}-"})

    assert (part.status_code, part.content) == (206, whole.content[188:376])
    assert part.headers["content-range"] == f"bytes 188-375/{len(whole.content)}"
    assert beyond.status_code == 416
    for answer in (whole, part):
        assert answer.headers["content-type"] == "video/mp2t"
        assert "immutable" in answer.headers["cache-control"]
        assert "content-encoding" not in answer.headers


async def test_a_playlist_is_compressed_and_asked_for_again(outcome: Outcome, anyone: httpx.AsyncClient) -> None:
    for name in ("master.m3u8", "360p/playlist.m3u8"):
        url = httpx.URL(outcome.hls_url).join(name)
        answer = await anyone.get(url, headers={"Accept-Encoding": "gzip"})
        again = await anyone.get(url, headers={"If-None-Match": answer.headers["etag"]})

        assert answer.text.startswith("#EXTM3U")
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["content-encoding"] == "gzip"
        assert "no-cache" in answer.headers["cache-control"]
        assert (again.status_code, again.content) == (304, b"")


async def test_every_service_is_ready_and_names_its_dependencies(platform: Endpoints) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = {name: (await client.get(f"{url}/readyz")).json() for name, url in platform.services.items()}

    named = {name: {one["name"] for one in answer["dependencies"]} for name, answer in answers.items()}
    assert named == {name: EVERY | OWN.get(name, set()) for name in answers}
    assert len(answers) == 11
    for name, answer in answers.items():
        assert answer["ready"], (name, answer)
        assert all(one["ok"] for one in answer["dependencies"] if one["name"] in ("kafka", "relay")), (name, answer)
        optional = {one["name"] for one in answer["dependencies"] if not one["required"]}
        assert optional == named[name] - {"postgres", "broadcasts", "consumer"}
