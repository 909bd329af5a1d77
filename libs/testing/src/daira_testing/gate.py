"""A way to a server that can be shut, or that swallows what is sent, as a network does whose far end lost power."""

import asyncio
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit


class Gate:
    """`async with Gate("postgresql://…") as gate`: `gate.url` leads through it."""

    def __init__(self, url: str) -> None:
        """`url` has host and port."""
        self._target = urlsplit(url)
        self._is_open = True
        self._lines: list[_Line] = []
        self.tried = 0
        """How often somebody connected, let through or not."""

    async def __aenter__(self) -> "Gate":
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
        self._server.close()

    @property
    def url(self) -> str:
        """The same place through the gate."""
        who, at, _ = self._target.netloc.rpartition("@")
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(self._target._replace(netloc=f"{who}{at}127.0.0.1:{port}"))

    def open(self) -> None:
        """Let new connections through."""
        self._is_open = True

    def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        self._is_open = False
        for line in self._lines:
            line.cut()

    def swallow(self) -> None:
        """No byte of the connections there are passes any more, and nobody is told. New ones are let through."""
        for line in self._lines:
            line.is_silent = True

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tried += 1
        if not self._is_open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        line = _Line(writer, back)
        self._lines.append(line)
        await asyncio.gather(line.copy(reader, back), line.copy(there, writer), return_exceptions=True)


class _Line:
    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self._ends = ends
        self.is_silent = False

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            if not self.is_silent:
                sink.write(chunk)
                await sink.drain()
        sink.close()
