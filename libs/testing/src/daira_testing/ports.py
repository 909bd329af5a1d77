"""Ports for servers that are told where to listen: of a range that no outgoing connection is ever given."""

import random
import socket
from collections.abc import Iterator

# Below the kernel's ephemeral ports (32768 and up) and between the bases of the local stacks: a port that was only
# probed in the ephemeral range can become the near end of somebody's connection before its server listens.
_FIRST, _LAST = 20_000, 27_999


def _shuffled() -> Iterator[int]:
    return iter(random.sample(range(_FIRST, _LAST + 1), _LAST + 1 - _FIRST))


_candidates = _shuffled()


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens; no two calls of one process get the same one.

    Raises StopIteration when the process has asked for all 8,000.
    """
    while True:
        port = next(_candidates)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
