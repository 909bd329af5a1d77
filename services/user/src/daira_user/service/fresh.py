"""Read what was written elsewhere a moment ago."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from daira_kit.clock import now
from daira_kit.errors import NotYetVisible
from daira_kit.ids import id_time

T = TypeVar("T")
FRESH = timedelta(seconds=60)
PATIENCE_SECONDS = 1.0
STEP_SECONDS = 0.05


async def find_fresh(id_: UUID, look: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `look` finds; for an id under a minute old it is asked again for up to a second.

    Raises NotYetVisible when such an id stays unknown; returns None for an older one.
    """
    found = await look()
    made = id_time(id_)
    if found is not None or made is None or made < now() - FRESH:
        return found
    for _ in range(int(PATIENCE_SECONDS / STEP_SECONDS)):
        await asyncio.sleep(STEP_SECONDS)
        found = await look()
        if found is not None:
            return found
    raise NotYetVisible
