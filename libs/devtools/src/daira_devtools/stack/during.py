"""Runs a program while a stack is up: what `make test` is."""

import asyncio
import os
import signal
from collections.abc import Sequence

from daira_devtools.stack import place
from daira_devtools.stack.stack import Stack

CLEAN_UP_SECONDS = 60.0


async def during(stack: Stack, base: int, groups: Sequence[str], command: Sequence[str]) -> int:
    """Returns the program's exit code. A stack that ran before is left running; one that did not is taken down.

    The program finds the stack by `DAIRA_STACK_NAME` and `DAIRA_STACK_BASE`. Interrupted, it gets one SIGINT and a
    minute to tidy up.
    """
    is_mine = not stack.is_running
    try:
        await stack.up(base, groups)
        return await _run(command, {"DAIRA_STACK_NAME": stack.folder.name, "DAIRA_STACK_BASE": str(base)})
    finally:
        if is_mine:
            await stack.down()


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
