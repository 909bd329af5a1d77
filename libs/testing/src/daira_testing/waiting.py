"""Waiting for what happens elsewhere: by looking again, never by sleeping a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daira_kit.errors import Unavailable

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds. A consumer that got stuck is found and built anew within a minute; a busy machine needs its time too."""


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = PATIENCE, every: float = 0.05) -> T:
    """The first truthy result of `look`; an AssertionError inside it counts as not yet, so does a server that is down.

    Raises AssertionError after `within` seconds, from the last failure.
    """
    deadline = time.monotonic() + within
    while True:
        failure: Exception | None = None
        result: T | None = None
        try:
            result = await look()
        except (AssertionError, Unavailable) as error:
            failure = error
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {within} s; last seen: {result!r}") from failure
        await asyncio.sleep(every)
