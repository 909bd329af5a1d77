"""Servers killed and started again while people use the platform: every accepted request becomes visible, once."""

import asyncio
from collections import Counter

import pytest

from daira_devtools.stack import Endpoints, Stack
from daira_kit.settings import environment
from daira_testing.journal import Person, follower_and_author, use
from daira_testing.waiting import eventually

ROUNDS = 5 if environment("SIZE") == "full" else 1
VISIBLE_WITHIN = 30.0
DOWN_SECONDS = 1.0
VICTIMS = ["kafka", "postgres", "valkey", "cassandra", "s3", "feed", "moderation", "interaction", "user", "auth"]


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_what_was_accepted_is_visible_once_although_a_server_was_killed(
    victim: str, round_number: int, platform: Endpoints, own_stack: Stack
) -> None:
    async with follower_and_author(platform.gateway_url) as (follower, author):
        stop = asyncio.Event()
        using = asyncio.create_task(use(follower, author, stop))
        await asyncio.sleep(0.5)
        await own_stack.stop(victim, kill=True)
        await asyncio.sleep(DOWN_SECONDS)
        await own_stack.start(victim)
        await asyncio.sleep(0.5)
        stop.set()
        await using

        await eventually(lambda: _all_there(follower, author), within=VISIBLE_WITHIN, every=0.5)
        posts, events = Counter(await follower.circle()), Counter(await follower.stored_events())

    assert {posts[post] for post in author.posts} == {1}
    assert {events[event] for event in follower.events} == {1}


async def _all_there(follower: Person, author: Person) -> bool:
    circle, stored = set(await follower.circle()), set(await follower.stored_events())
    return set(author.posts) <= circle and set(follower.events) <= stored
