"""One connection to one node. Many callers share it: their commands are one stream, answers come in order."""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

_NOTHING = object()


class Link(asyncio.Protocol):
    """Made by `Link.open`; `ask` until it `is_lost`."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[tuple[asyncio.Future[list[Any]], int]] = deque()
        self._replies: list[Any] = []
        self._transport: asyncio.Transport | None = None
        self.is_lost = False

    @classmethod
    async def open(cls, host: str, port: int, *, tls: bool, timeout: float, hello: bytes, replies: int) -> "Link":
        """Connect and send `hello` (AUTH, SELECT). Raises redis' ConnectionError or TimeoutError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, link = await loop.create_connection(cls, host, port, ssl=True if tls else None)
        except TimeoutError as error:
            raise RedisTimeoutError(f"{host}:{port} does not accept") from error
        except OSError as error:
            raise RedisConnectionError(f"{host}:{port}: {error}") from error
        if replies:
            answers = await link.ask(hello, replies, timeout)
            refused = [answer for answer in answers if isinstance(answer, Exception)]
            if refused:
                link.close()
                raise RedisConnectionError(f"{host}:{port} refuses: {refused[0]}")
        return link

    async def ask(self, data: bytes, replies: int, timeout: float) -> list[Any]:
        """Send and wait for that many answers; error answers are returned, not raised."""
        if self._transport is None or self.is_lost:
            raise RedisConnectionError("connection is closed")
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, replies))
        self._transport.write(data)
        handle = asyncio.get_running_loop().call_later(timeout, self._expire, future)
        try:
            return await future
        finally:
            handle.cancel()

    def close(self) -> None:
        """Whoever still waits gets a ConnectionError."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports do not derive from asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._reader.feed(data)
        while self._waiting:
            future, wanted = self._waiting[0]
            while len(self._replies) < wanted:
                reply = self._reader.gets()
                if reply is _NOTHING:
                    return
                self._replies.append(reply)
            self._waiting.popleft()
            replies, self._replies = self._replies, []
            if not future.done():  # its caller may have been cancelled; the answers were read all the same
                future.set_result(replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self.is_lost = True
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(RedisConnectionError(f"connection lost: {exc!r}"))

    def _expire(self, future: "asyncio.Future[list[Any]]") -> None:
        # Answers have no names: after a silence nobody can say whose the next one is.
        if not future.done():
            future.set_exception(RedisTimeoutError("no answer in time"))
            self.close()
