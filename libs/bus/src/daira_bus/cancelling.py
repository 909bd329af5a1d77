"""A cancellation can be lost: a driver that was cancelled may answer with its own error instead."""

import asyncio


def is_cancelled() -> bool:
    """True when somebody wants the current task to end, also after code below has caught that and gone on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
