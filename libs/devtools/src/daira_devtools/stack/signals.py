"""Ctrl-C, SIGTERM and a closed terminal all mean the same: undo what was begun, once, to the end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work`; the first interruption cancels it, later ones do not disturb its clean-up.

    Raises `KeyboardInterrupt` when it was interrupted.
    """

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        for number in INTERRUPTIONS:
            loop.add_signal_handler(number, _once(task))
        return await task

    try:
        with asyncio.Runner() as runner:
            return runner.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _once(task: asyncio.Task[T]) -> Any:
    def cancel() -> None:
        if not task.cancelling():
            task.cancel()

    return cancel
