"""The few libc calls used here, raising OSError with the cause."""

import ctypes
import os
from typing import Any

_LIBC = "libc.so.6"
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def _load() -> ctypes.CDLL:
    return ctypes.CDLL(_LIBC, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call a libc function; raises OSError when it answers below zero."""
    answer = int(getattr(_load(), name)(*arguments))
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return answer


def syscall(number: int, *arguments: Any) -> int:
    """Call the kernel directly, for what libc has no function for. Integers are passed as 64 bit."""
    wide = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    return call("syscall", ctypes.c_long(number), *wide)


def prctl(option: int, *arguments: Any) -> int:
    """prctl(2) with the unused arguments zero, as the kernel demands."""
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    padding = [ctypes.c_ulong(0)] * (4 - len(wide))
    return call("prctl", ctypes.c_int(option), *wide, *padding)
