"""The counters, on one node and on a cluster of three."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from daira_auth.domain.limits import PRODUCTION, Caller, cost_scopes, send_scopes, with_overrides
from daira_auth.errors import SendLimitReached
from daira_auth.repository.budgets import Budgets, BudgetsUnavailable
from daira_auth.wiring import open_limit_storage
from daira_stores.redis import open_redis

PHONE = "+201001234567"
CALLER = Caller(address="41.32.7.9", device_id="d")


@pytest.fixture
async def make(any_redis_url: str) -> AsyncIterator[Any]:
    prefix = secrets.token_hex(4)
    async with open_redis(any_redis_url) as redis, open_limit_storage(any_redis_url, f"{prefix}limits") as storage:

        def budgets(overrides: str = "") -> Budgets:
            return Budgets(redis, storage, with_overrides(PRODUCTION, overrides), b"secret", prefix)

        yield budgets


async def test_parallel_sends_never_exceed_the_limit_of_a_number(make: Any) -> None:
    budgets = make()

    outcomes = await asyncio.gather(
        *(budgets.spend(send_scopes(CALLER, PHONE)) for _ in range(20)), return_exceptions=True
    )

    # Two that meet may both be refused: each had taken what the other needed in another scope.
    assert 1 <= sum(outcome is None for outcome in outcomes) <= 3


async def test_every_scope_and_cost_is_counted(make: Any) -> None:
    budgets = make("cost.number=60/day")

    await budgets.spend(send_scopes(CALLER, PHONE))
    await budgets.spend(cost_scopes(PHONE), 50)
    with pytest.raises(SendLimitReached) as refused:
        await budgets.spend(cost_scopes(PHONE), 50)
    await budgets.spend(cost_scopes("+201201234567"), 50)

    assert refused.value.headers["RateLimit"].startswith("limit=60")


async def test_a_refused_send_is_not_held_against_the_prefix(make: Any) -> None:
    budgets = make()
    sent = 0
    for _ in range(60):
        with suppress(SendLimitReached):
            await budgets.open_send("+2010")
            sent += 1
    assert sent == 50

    for _ in range(11):
        await budgets.note_verified("+2010")

    await budgets.open_send("+2010")
    await budgets.open_send("+2011")


async def test_parallel_sends_to_a_bought_prefix_stop_at_fifty(make: Any) -> None:
    budgets = make()

    outcomes = await asyncio.gather(*(budgets.open_send("+2012") for _ in range(300)), return_exceptions=True)

    assert sum(outcome is None for outcome in outcomes) == 50


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
async def test_without_redis_every_question_fails_closed(scheme: str) -> None:
    dead = f"{scheme}://127.0.0.1:1"
    async with open_redis(dead, timeout=0.2) as redis, open_limit_storage(dead, "x") as storage:
        budgets = Budgets(redis, storage, PRODUCTION, b"secret", "x")

        for question in (budgets.spend(send_scopes(CALLER, PHONE)), budgets.open_send("+2010")):
            with pytest.raises(BudgetsUnavailable):
                await question
