"""A way to a Kafka broker that is lost at one request: before the broker had it, or when it had done it."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType

PRODUCE, COMMIT = 0, 8
"""Kafka's numbers of requests."""
_NUMBERS = struct.Struct(">hhi")
"""How a request begins: kind, version, and the number that its answer begins with."""


class BrokerGate:
    """`async with BrokerGate("127.0.0.1:8092", COMMIT, kill, done=True) as gate`: `gate.address` leads through it.

    Brokers tell their clients where they are; the gate names itself instead, so that nobody goes around it.
    """

    def __init__(self, bootstrap: str, at: int, lose: Callable[[], Awaitable[object]], *, done: bool) -> None:
        """The first request of kind `at` awaits `lose()` and gets no answer; `done`: the broker did what it asks."""
        self._host, _, port = bootstrap.rpartition(":")
        self._port, self._at, self._lose, self._done = int(port), at, lose, done
        self.is_lost = False

    async def __aenter__(self) -> "BrokerGate":
        self._server = await asyncio.start_server(self._pass, self._host, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{self._host}:{self._here}"

    @property
    def _here(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
            ends.append(back)
            line = _Line()
            await asyncio.gather(self._requests(reader, back, line), self._answers(there, writer, line))
        except (OSError, asyncio.IncompleteReadError):
            for end in ends:
                end.transport.abort()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: "_Line") -> None:
        while True:
            request = await _framed(source)
            kind, _, number = _NUMBERS.unpack_from(request, 4)
            if kind == self._at and not self.is_lost:
                if not self._done:
                    await self._cut()
                line.last = number
            sink.write(request)

    async def _answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: "_Line") -> None:
        here, there = (self._host.encode() + port.to_bytes(4) for port in (self._here, self._port))
        while True:
            answer = await _framed(source)
            if line.last == int.from_bytes(answer[4:8]) and not self.is_lost:
                await self._cut()
            sink.write(answer.replace(there, here))

    async def _cut(self) -> None:
        self.is_lost = True
        await self._lose()
        raise ConnectionAbortedError


class _Line:
    last: int | None = None
    """The number of the request whose answer nobody gets."""


async def _framed(source: asyncio.StreamReader) -> bytes:
    size = await source.readexactly(4)
    return size + await source.readexactly(int.from_bytes(size))
