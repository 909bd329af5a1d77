"""Tries what a captured decoder would try. What works is a leak."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from daira_video.adapters.protocol import Attempt, Measured


def measure(canary: Path, open_files: int) -> Measured:
    """Every attempt is expected to fail; those that did not are returned."""
    attempts: dict[Attempt, Callable[[], object]] = {
        Attempt.READ_FILE: canary.read_bytes,
        Attempt.READ_ENVIRONMENT: Path(f"/proc/{os.getppid()}/environ").read_bytes,
        Attempt.WRITE_FILE: lambda: canary.with_suffix(".leak").write_bytes(b"leak"),
        Attempt.LIST_ROOT: lambda: os.listdir("/"),
        Attempt.OPEN_SOCKET: lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
        Attempt.OPEN_LOCAL_SOCKET: lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close(),
        Attempt.SIGNAL_PARENT: lambda: os.kill(os.getppid(), 0),
        Attempt.START_PROCESS: _fork,
        Attempt.FILL_DESCRIPTORS: lambda: _hold(open_files),
    }
    return Measured(leaks=tuple(name for name, attempt in attempts.items() if _works(attempt)))


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _hold(descriptors: int) -> None:
    held: list[int] = []
    try:
        for _ in range(descriptors):
            held.append(os.dup(0))
    finally:
        for one in held:
            os.close(one)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True
