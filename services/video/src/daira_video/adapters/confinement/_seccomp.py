"""seccomp: an allow-list of system calls; everything else answers EPERM. x86-64 only."""

import ctypes
import errno
import platform
import struct

from daira_video.adapters.confinement._libc import prctl

_PR_SET_SECCOMP, _FILTER_MODE = 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_AUDIT_ARCH_X86_64 = 0xC000003E
_CLONE, _CLONE3, _CLONE_THREAD = 56, 435, 0x10000

# Files already within reach, memory, threads, clocks. No sockets, no exec, no ptrace, no signals to others.
_ALLOWED = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7,
    "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20,
    "access": 21, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32,
    "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "fcntl": 72, "fsync": 74, "ftruncate": 77,
    "getcwd": 79, "rename": 82, "mkdir": 83, "unlink": 87, "readlink": 89, "gettimeofday": 96,
    "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131, "prctl": 157, "gettid": 186,
    "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
    "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273,
    "renameat2": 316, "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334,
    "faccessat2": 439,
}  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict() -> None:
    """Refuse every system call outside the list, for all threads to come. Raises OSError where impossible."""
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, "the list of system calls is for x86-64")
    text = _program()
    program = _Program(len(text) // 8, text)
    prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program))


def _program() -> bytes:
    lines = [
        _line(_LOAD, _ARCH_AT),
        _line(_JUMP_EQUAL, _AUDIT_ARCH_X86_64, when=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER_AT),
    ]
    for number in _ALLOWED.values():
        lines += [_line(_JUMP_EQUAL, number, otherwise=1), _line(_RETURN, _ALLOW)]
    lines += [
        # glibc falls back from clone3, whose flags a filter cannot read, to clone, whose flags it can.
        _line(_JUMP_EQUAL, _CLONE3, otherwise=1),
        _line(_RETURN, _ERRNO | errno.ENOSYS),
        _line(_JUMP_EQUAL, _CLONE, otherwise=3),
        _line(_LOAD, _FIRST_ARGUMENT_AT),
        _line(_JUMP_SET, _CLONE_THREAD, otherwise=1),
        _line(_RETURN, _ALLOW),
        _line(_RETURN, _ERRNO | errno.EPERM),
    ]
    return b"".join(lines)


def _line(code: int, value: int, *, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, when, otherwise, value)
