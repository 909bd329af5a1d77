"""Notice when a sender falls silent, without disturbing the read that is under way."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator


async def with_pauses(source: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes | None, None]:
    """The chunks of `source`; None each time `seconds` pass without one."""
    waiting: asyncio.Future[bytes] | None = None
    try:
        while True:
            if waiting is None:
                waiting = asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
            if not done:
                yield None
                continue
            finished, waiting = waiting, None
            try:
                chunk = finished.result()
            except StopAsyncIteration:
                return
            yield chunk
    finally:
        if waiting is not None:
            waiting.cancel()
