"""Feed as a cluster runs it: http, worker and relay are processes of their own, and each may be away for a while."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest_asyncio

from daira_devtools.stack import Endpoints, Stack
from daira_devtools.stack.place import surroundings
from daira_testing.journal import Person, follower_and_author
from daira_testing.ports import free_port
from daira_testing.waiting import eventually

DRAINED_WITHIN = 30.0
Feed = Callable[[str], AbstractAsyncContextManager[None]]


@pytest_asyncio.fixture(loop_scope="session")
async def feed(platform: Endpoints, own_stack: Stack, tmp_path: Path) -> AsyncIterator[Feed]:
    """`async with feed("worker")`: one process of feed in that role, in the place of the stack's own."""
    environment = {**surroundings(), **own_stack.environment("feed")}

    @asynccontextmanager
    async def in_role(role: str) -> AsyncIterator[None]:
        port = httpx.URL(platform.service_url("feed")).port if role == "http" else free_port()
        with (tmp_path / f"{role}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "daira_feed", "--role", role),
                env={**environment, "DAIRA_FEED_PORT": str(port)},
                cwd=tmp_path,
                stdout=log,
                stderr=log,
            )
        try:
            await eventually(lambda: is_ready(f"http://127.0.0.1:{port}/readyz"), every=0.2)
            yield
        finally:
            code = await end(child)
        assert code == 0, (tmp_path / f"{role}.log").read_text()

    await own_stack.stop("feed")
    try:
        yield in_role
    finally:
        await own_stack.start("feed")


async def end(child: Process) -> int:
    """The exit code of a process asked to stop; below zero if it had to be made to."""
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(DRAINED_WITHIN):
            return await child.wait()
    except TimeoutError:
        child.kill()
        return await child.wait()


async def is_ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(url)).is_success
        except httpx.TransportError:
            return False


async def in_circle(follower: Person, posts: list[str]) -> bool:
    return set(posts) <= set(await follower.circle())


async def test_a_post_taken_by_one_process_is_spread_by_two_others(feed: Feed, platform: Endpoints) -> None:
    async with (
        feed("http"),
        feed("worker"),
        feed("relay"),
        follower_and_author(platform.gateway_url) as (follower, author),
    ):
        await author.post("من ثلاث عمليات")
        await eventually(lambda: in_circle(follower, author.posts), every=0.2)
        circle = await follower.circle()

    assert sorted(circle) == sorted(author.posts)


async def test_posts_are_taken_while_worker_and_relay_are_away_and_appear_once_when_they_are_back(
    feed: Feed, platform: Endpoints
) -> None:
    async with feed("http"), AsyncExitStack() as rest:
        await rest.enter_async_context(feed("worker"))
        await rest.enter_async_context(feed("relay"))
        async with follower_and_author(platform.gateway_url) as (follower, author):
            before = list(author.posts)
            await rest.aclose()
            for number in range(5):
                await author.post(f"والعامل غائب {number}")
            states = {(await author.get(f"/v1/posts/{post}"))["state"] for post in author.posts[len(before) :]}
            meanwhile = await follower.circle()

            async with feed("relay"), feed("worker"):
                await eventually(lambda: in_circle(follower, author.posts), every=0.2)
                afterwards = await follower.circle()

    assert states == {"PROCESSING"}
    assert meanwhile == before
    assert sorted(afterwards) == sorted(author.posts)
    assert author.refused == 0
