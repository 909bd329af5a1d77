"""Tries what a captured decoder would try. What works is a leak."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from daira_video.adapters import protocol


def measure(canary: Path) -> protocol.Measured:
    """Every attempt is expected to fail; names of those that did not are returned."""
    attempts: dict[str, Callable[[], object]] = {
        protocol.READ_FILE: canary.read_bytes,
        protocol.WRITE_FILE: lambda: canary.with_suffix(".leak").write_bytes(b"leak"),
        protocol.LIST_ROOT: lambda: os.listdir("/"),
        "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close(),
        "signal the parent": lambda: os.kill(os.getppid(), 0),
        "start a process": _fork,
    }
    return protocol.Measured(leaks=tuple(name for name, attempt in attempts.items() if _works(attempt)))


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True
