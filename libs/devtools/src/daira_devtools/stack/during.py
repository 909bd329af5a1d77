"""Runs a program while a stack is up: what `make test` is."""

import asyncio
import os
import signal
from collections.abc import Sequence

from daira_devtools.stack import place
from daira_devtools.stack.stack import Stack

CLEAN_UP_SECONDS = 60.0
APART = 1_000
"""Ports between the bases of two stacks of one program; a stack uses less than a hundred."""


async def during(stacks: Sequence[tuple[Stack, int]], groups: Sequence[str], command: Sequence[str]) -> int:
    """Returns the program's exit code. A stack that ran before is left running; one that did not is taken down.

    `stacks`: each with its base port. The program finds the first by `DAIRA_STACK_NAME` and `DAIRA_STACK_BASE`, and
    the others by `of_worker`. Interrupted, it gets one SIGINT and a minute to tidy up.
    """
    (first, base), mine = stacks[0], [stack for stack, _ in stacks if not stack.is_running]
    try:
        for stack, its_base in stacks:  # one after the other: the first may have to fetch what the next one uses
            await stack.up(its_base, groups)
        return await _run(command, {"DAIRA_STACK_NAME": first.folder.name, "DAIRA_STACK_BASE": str(base)})
    finally:
        async with asyncio.TaskGroup() as group:
            for stack in mine:
                group.create_task(stack.down())


def of_worker(name: str, base: int, number: int) -> tuple[str, int]:
    """Name and base port of the stack of one of several processes that work for one program; the first is number 0."""
    return (f"{name}-{number + 1}" if number else name), base + number * APART


async def _run(command: Sequence[str], env: dict[str, str]) -> int:
    child = await asyncio.create_subprocess_exec(*command, env={**place.surroundings(), **env}, start_new_session=True)
    try:
        return await child.wait()
    except asyncio.CancelledError:
        os.killpg(child.pid, signal.SIGINT)
        try:
            async with asyncio.timeout(CLEAN_UP_SECONDS):
                await child.wait()
        except TimeoutError:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        raise
