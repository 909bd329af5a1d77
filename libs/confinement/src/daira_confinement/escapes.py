"""Tries what a captured child would try. What works is a leak."""

import os
import socket
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path


class Attempt(StrEnum):
    """Ways out that are tried at start. Stable: they are labels of a metric."""

    READ_FILE = "read_file"
    READ_ENVIRONMENT = "read_environment"
    WRITE_FILE = "write_file"
    LIST_ROOT = "list_root"
    OPEN_SOCKET = "open_socket"
    OPEN_LOCAL_SOCKET = "open_local_socket"
    SIGNAL_PARENT = "signal_parent"
    START_PROCESS = "start_process"
    FILL_DESCRIPTORS = "fill_descriptors"


FILE_LEAKS = frozenset({Attempt.READ_FILE, Attempt.READ_ENVIRONMENT, Attempt.WRITE_FILE, Attempt.LIST_ROOT})
"""What only Landlock prevents."""


def leaks(canary: Path, open_files: int) -> tuple[Attempt, ...]:
    """Every attempt is expected to fail; those that did not are returned.

    `canary` is a readable file out of bounds, `open_files` the number of descriptors this process must not reach.
    """
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
    return tuple(name for name, attempt in attempts.items() if _works(attempt))


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
