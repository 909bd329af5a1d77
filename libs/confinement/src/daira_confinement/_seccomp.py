"""seccomp: an allow-list of system calls; everything else answers EPERM."""

import ctypes
import errno
import platform
import struct

from daira_confinement._calls import CLONE3, MACHINES, Machine
from daira_confinement._libc import prctl

_PR_SET_SECCOMP, _FILTER_MODE = 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD = 0x10000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict() -> None:
    """Refuse every system call outside the list, for all threads to come. Raises OSError where impossible."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"there is no list of system calls for {platform.machine()}")
    text = program(machine)
    prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(_Program(len(text) // 8, text)))


def program(machine: Machine) -> bytes:
    """The filter as classic BPF, eight bytes an instruction. A call of another architecture kills the process."""
    lines = [
        _line(_LOAD, _ARCH_AT),
        _line(_JUMP_EQUAL, machine.audit, when=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER_AT),
    ]
    for number in machine.allowed:
        lines += [_line(_JUMP_EQUAL, number, otherwise=1), _line(_RETURN, _ALLOW)]
    lines += [
        # glibc falls back from clone3, whose flags a filter cannot read, to clone, whose flags it can.
        _line(_JUMP_EQUAL, CLONE3, otherwise=1),
        _line(_RETURN, _ERRNO | errno.ENOSYS),
        _line(_JUMP_EQUAL, machine.clone, otherwise=3),
        _line(_LOAD, _FIRST_ARGUMENT_AT),
        _line(_JUMP_SET, _CLONE_THREAD, otherwise=1),
        _line(_RETURN, _ALLOW),
        _line(_RETURN, _ERRNO | errno.EPERM),
    ]
    return b"".join(lines)


def _line(code: int, value: int, *, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, when, otherwise, value)
