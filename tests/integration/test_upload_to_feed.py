"""The main job through the gateway: a phone's video becomes an adaptive stream in a follower's Circle."""

import asyncio

import httpx

from daira_devtools.demo.report import Report
from daira_devtools.demo.scenario import play
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


async def test_a_video_becomes_a_stream_in_a_followers_circle(platform: Endpoints) -> None:
    outcome = await asyncio.to_thread(play, platform.gateway_url, sample().read_bytes(), Report())

    assert outcome.post_id


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
