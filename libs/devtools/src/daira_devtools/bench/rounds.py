"""Rounds in turn, A B A B …, so that a machine that grows slower is slower for both."""

import inspect
from collections.abc import Awaitable, Callable

Measure = Callable[[], float | Awaitable[float]]


async def in_turn(
    ours: Measure, peer: Measure, *, rounds: int = 5, warm_up: int = 1
) -> tuple[list[float], list[float]]:
    """What each measured in its rounds; every other round begins with the peer."""
    for _ in range(warm_up):
        await _value(ours)
        await _value(peer)
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        if number % 2:
            theirs.append(await _value(peer))
            mine.append(await _value(ours))
        else:
            mine.append(await _value(ours))
            theirs.append(await _value(peer))
    return mine, theirs


async def _value(measure: Measure) -> float:
    result = measure()
    return await result if inspect.isawaitable(result) else result
