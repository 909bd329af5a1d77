"""The order of the locks: namespaces while single-threaded, then limits, files, and system calls last."""

import importlib
import os
import resource
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from daira_confinement import _landlock, _namespaces, _seccomp
from daira_confinement._level import Level
from daira_confinement._libc import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, prctl


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """Hard limits of the process: bytes, seconds of CPU, bytes per file, descriptors, threads."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int
    threads: int


def enter(
    ceilings: Ceilings, *, parent: int, readable: Path | None, writable: Path | None, preload: Iterable[str]
) -> tuple[Level, list[str]]:
    """Lock this process in for good and say how far it worked, with the reasons for what did not.

    `preload` names modules to import before the file system is closed. Exits when `parent` has died already.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")
    reasons: list[str] = []
    separated = _attempt(_namespaces.separate, reasons)
    for module in preload:
        importlib.import_module(module)
    _cap(ceilings)
    if separated:
        _cap_threads(ceilings.threads)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    confined = _attempt(lambda: _landlock.restrict(readable, writable), reasons)
    filtered = _attempt(_seccomp.restrict, reasons)
    return _level(filtered, confined, separated), reasons


def _attempt(lock: Callable[[], None], reasons: list[str]) -> bool:
    try:
        lock()
    except OSError as refused:
        reasons.append(str(refused))
        return False
    return True


def _cap(ceilings: Ceilings) -> None:
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ceilings.memory_bytes),
        (resource.RLIMIT_FSIZE, ceilings.file_bytes),
        (resource.RLIMIT_NOFILE, ceilings.open_files),
    ):
        resource.setrlimit(limit, (value, value))
    # The soft CPU limit ends the process with SIGXCPU, which tells it apart from other deaths.
    resource.setrlimit(resource.RLIMIT_CPU, (ceilings.cpu_seconds, ceilings.cpu_seconds + 5))


def _cap_threads(most: int) -> None:
    """Only in a user namespace of our own: elsewhere the kernel counts every process of the same user.

    The kernel never holds this limit against root; memory for their stacks bounds the threads of such a process.
    """
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def _level(filtered: bool, confined: bool, separated: bool) -> Level:
    reached = Level.LIMITED
    for lock, level in ((filtered, Level.FILTERED), (confined, Level.CONFINED), (separated, Level.ISOLATED)):
        if not lock:
            break
        reached = level
    return reached
