"""Limits counted in a real Redis."""

import asyncio
import secrets

import pytest

from daira_kit.errors import TooManyRequests, Unavailable
from daira_stores.redis import AnyRedis
from daira_web.limits import Limiter


async def cut_others(redis: AnyRedis, database: str) -> None:
    """Ends every connection to that database but the asking one."""
    mine = await redis.client_id()
    others = [one["id"] for one in await redis.client_list() if one["db"] == database and one["id"] != str(mine)]
    assert others
    for other in others:
        await redis.client_kill_filter(_id=other)


async def test_the_action_beyond_the_limit_is_refused_with_the_time_to_wait(redis_url: str) -> None:
    limiter = Limiter.on_redis(redis_url)
    await limiter.hit("2/minute", "post", "one")
    await limiter.hit("2/minute", "post", "one")

    with pytest.raises(TooManyRequests) as refused:
        await limiter.hit("2/minute", "post", "one")

    assert int(refused.value.headers["Retry-After"]) > 0
    await limiter.hit("2/minute", "post", "another")


async def test_of_many_at_once_at_two_replicas_exactly_as_many_pass_as_the_limit_says(any_redis_url: str) -> None:
    replicas = [Limiter.on_redis(any_redis_url), Limiter.on_redis(any_redis_url)]
    who = secrets.token_hex(4)

    outcomes = await asyncio.gather(
        *(replicas[number % 2].hit("10/minute", "otp", who, fail_open=False) for number in range(50)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, dict) for one in outcomes) == 10
    assert sum(isinstance(one, TooManyRequests) for one in outcomes) == 40


async def test_a_connection_that_died_while_idle_costs_no_request(redis_url: str, redis: AnyRedis) -> None:
    limiter = Limiter.on_redis(redis_url)
    await limiter.hit("9/minute", "otp", "one", fail_open=False)

    await cut_others(redis, redis_url.rsplit("/", 1)[1])

    await limiter.hit("9/minute", "otp", "one", fail_open=False)


async def test_without_redis_an_action_passes_unless_it_must_be_counted() -> None:
    limiter = Limiter.on_redis("redis://127.0.0.1:1/0")

    assert await limiter.hit("9/minute", "post", "one") == {}
    with pytest.raises(Unavailable):
        await limiter.hit("9/minute", "otp", "one", fail_open=False)
