"""What a replay may connect to: its throw-away stores and nobody else, whatever a handler tries.

Settings that lead nowhere close the ways we know of; the wall closes those that somebody adds. It stands around the
sockets of Python and of the command's event loop, in every thread. Clients in another language (PostgreSQL's, the
object store's) are led by their settings alone.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import uvloop

ANY = ""
"""Any host: a driver that knows one node of a cluster finds the others itself."""
Place = tuple[str, int]


class Wall:
    """Lets connections through to `gates` only; remembers the others."""

    def __init__(self, gates: Iterable[Place]) -> None:
        self._gates = frozenset(gates)
        self.turned_back: list[str] = []
        """Where somebody wanted to go, as host:port."""

    def check(self, host: str, port: int) -> None:
        """Raises ConnectionRefusedError, as if nobody were there: clients know what to make of that."""
        if not self._gates & {(host, port), (ANY, port)}:
            self.turned_back.append(f"{host}:{port}")
            raise ConnectionRefusedError(f"a replay does not reach {host}:{port}")


class WalledLoop(uvloop.Loop):
    """uvloop connects below Python, where no audit hook hears of it."""

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, *args: Any, **options: Any
    ) -> Any:
        """As every loop's, where the wall lets it through."""
        if _Standing.wall is not None and host is not None:
            _Standing.wall.check(host, int(port))
        return await super().create_connection(protocol_factory, host, port, *args, **options)


@contextmanager
def walled_in(settings: Any) -> Iterator[Wall]:
    """Inside, this process connects to the stores of `settings` only. Its loop must be a WalledLoop."""
    if not _Standing.is_heard:
        sys.addaudithook(_hear)  # for the rest of the process: it cannot be taken away
        _Standing.is_heard = True
    _Standing.wall = Wall(_gates(settings))
    try:
        yield _Standing.wall
    finally:
        _Standing.wall = None


class _Standing:
    """Process-wide, because threads of clients are nobody's children."""

    wall: Wall | None = None
    is_heard = False


def _gates(settings: Any) -> Iterator[Place]:
    if hasattr(settings, "cql_port"):
        yield ANY, int(settings.cql_port)
    redis = urlsplit(getattr(settings, "redis_url", None) or "")
    if redis.hostname:
        yield redis.hostname, redis.port or 6379


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _Standing.wall is not None and isinstance(arguments[1], tuple):
        _Standing.wall.check(*arguments[1][:2])
