"""Landlock: only the input can be read, only the output folder written, no TCP at all."""

import ctypes
import os
from pathlib import Path

from daira_confinement._libc import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_WRITE_FILE, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 1, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE = 1 << 14
_BITS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}
_OUTPUT = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Landlock's version in this kernel; raises OSError where there is none."""
    return syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)


def restrict(readable: Path | None, writable: Path | None) -> None:
    """Give up every file but these two. Raises OSError where the kernel has no Landlock."""
    version = abi()
    handled = (1 << _BITS_OF_ABI.get(version, 16)) - 1
    ruleset = _Ruleset(handled, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    handle = syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    try:
        if readable is not None:
            _allow(handle, readable, _READ_FILE)
        if writable is not None:
            _allow(handle, writable, _OUTPUT & handled)
        syscall(_RESTRICT_SELF, handle, 0)
    finally:
        os.close(handle)


def _allow(handle: int, path: Path, access: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(access, parent)
        syscall(_ADD_RULE, handle, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
