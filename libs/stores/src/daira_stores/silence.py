"""A server that is gone without a word: its machine lost power, or something between swallows every byte."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg import AsyncConnection

KEPT_ALIVE: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    # The server looks after its end too: the locks of a client that is gone are free again within half a minute.
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=15000",
}
"""How to connect, so that both ends notice within 25 s that the network or the other machine is gone."""


@contextmanager
def answering(connection: AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """A statement inside fails with OperationalError when it takes longer: the connection's socket is shut.

    A cancellation would not do: it asks the silent server to cancel and waits for its answer.
    """
    timer = asyncio.get_running_loop().call_later(seconds, _shut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _shut(connection: AsyncConnection[Any]) -> None:
    if connection.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
