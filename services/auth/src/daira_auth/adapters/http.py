"""How auth talks to a provider: bounded in time and size, no redirects, nothing believed before it is decoded."""

import asyncio
from typing import TypeVar

import httpx
import msgspec

from daira_auth.errors import ChannelFailed

WALL_SECONDS = 8.0
MOST_BYTES = 64 * 1024
T = TypeVar("T")


async def exchange(client: httpx.AsyncClient, request: httpx.Request, answer: type[T]) -> T:
    """Send and decode a 2xx JSON answer. Raises ChannelFailed for anything else, within WALL_SECONDS.

    The error carries the status only: bodies may echo the number or the code and end in a log.
    """
    try:
        async with asyncio.timeout(WALL_SECONDS):
            status, body = await _read(client, request)
    except (httpx.HTTPError, TimeoutError) as error:
        raise ChannelFailed from error
    if not 200 <= status < 300:
        raise ChannelFailed(f"The provider answered {status}.")
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.DecodeError as error:
        raise ChannelFailed("The provider's answer has another shape.") from error


async def _read(client: httpx.AsyncClient, request: httpx.Request) -> tuple[int, bytes]:
    response = await client.send(request, stream=True)
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ChannelFailed("The provider's answer is too large.")
    finally:
        await response.aclose()
    return response.status_code, bytes(body)
