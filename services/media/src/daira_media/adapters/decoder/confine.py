"""Give up everything a decoder does not need. Each layer is tried; the caller is told which ones hold.

Linux only; where a layer cannot be had (old kernel, seccomp profile of the container), the others still apply and the
level falls. Numbers are from the kernel's headers (uapi landlock.h, seccomp.h, filter.h, sched.h).
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

LAYERS = ("rlimits", "no_new_privs", "namespaces", "landlock", "seccomp")
MEMORY_BYTES = 1536 * 1024 * 1024
OUTPUT_BYTES = 64 * 1024 * 1024
OPEN_FILES = 32

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
LANDLOCK_CREATE, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_RULE_PATH = 1
FS_EXECUTE, FS_WRITE_FILE, FS_READ_FILE, FS_READ_DIR = 1, 2, 4, 8
FS_ALL_V1 = (1 << 13) - 1
FS_WRITE = FS_ALL_V1 & ~(FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)

# Denied: socket, socketpair, connect, bind, sendto, execve, execveat, ptrace, fork, vfork, process_vm_readv/writev,
# mount, bpf, keyctl, io_uring_setup, perf_event_open. Of clone only threads are allowed: codecs use them.
DENIED = {
    "x86_64": (0xC000003E, (41, 53, 42, 49, 44, 59, 322, 101, 57, 58, 310, 311, 165, 321, 250, 425, 298)),
    "aarch64": (0xC00000B7, (198, 199, 203, 200, 206, 221, 281, 117, 270, 271, 40, 280, 219, 425, 241)),
}
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
CLONE_THREAD = 0x10000
BPF_LOAD, BPF_EQUAL, BPF_ABOVE, BPF_BITS, BPF_RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
X32_NUMBERS = 0x40000000
SECCOMP_KILL, SECCOMP_EPERM, SECCOMP_ENOSYS, SECCOMP_ALLOW = 0x80000000, 0x00050001, 0x00050026, 0x7FFF0000


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def confine(folder: Path, cpu_seconds: int) -> list[str]:
    """Apply all layers to this process; only `folder` stays writable. Returns the names of those that hold."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps: dict[str, Callable[[], bool]] = {
        "rlimits": lambda: _limit(cpu_seconds),
        "no_new_privs": lambda: libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        "namespaces": lambda: libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0,
        "landlock": lambda: _landlock(libc, folder),
        "seccomp": lambda: _seccomp(libc),
    }
    return [layer for layer in LAYERS if steps[layer]()]


def _limit(cpu_seconds: int) -> bool:
    for kind, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    return True


def _landlock(libc: ctypes.CDLL, folder: Path) -> bool:
    handled = struct.pack("Q", FS_ALL_V1)
    rules = libc.syscall(LANDLOCK_CREATE, handled, len(handled), 0)
    if rules < 0:
        return False
    readable: Sequence[str] = (sys.prefix, sys.base_prefix, "/usr/lib", "/lib", "/lib64", "/usr/share")
    for path in readable:
        _allow(libc, rules, path, FS_READ_FILE | FS_READ_DIR | FS_EXECUTE)
    _allow(libc, rules, str(folder), FS_WRITE | FS_READ_FILE | FS_READ_DIR)
    held: bool = libc.syscall(LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return held


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    if not Path(path).exists():
        return
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    libc.syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_RULE_PATH, struct.pack("=Qi", access, descriptor), 0)
    os.close(descriptor)


def _seccomp(libc: ctypes.CDLL) -> bool:
    known = DENIED.get(platform.machine())
    if known is None:
        return False
    architecture, numbers = known
    program = [
        (BPF_LOAD, 0, 0, 4),  # seccomp_data.arch
        (BPF_EQUAL, 1, 0, architecture),
        (BPF_RETURN, 0, 0, SECCOMP_KILL),
        (BPF_LOAD, 0, 0, 0),  # seccomp_data.nr
        (BPF_ABOVE, 0, 1, X32_NUMBERS),  # the same calls under other numbers
        (BPF_RETURN, 0, 0, SECCOMP_EPERM),
    ]
    for number in numbers:
        program += [(BPF_EQUAL, 0, 1, number), (BPF_RETURN, 0, 0, SECCOMP_EPERM)]
    program += [
        (BPF_EQUAL, 0, 1, CLONE3),  # its flags are behind a pointer; the C library falls back to clone
        (BPF_RETURN, 0, 0, SECCOMP_ENOSYS),
        (BPF_EQUAL, 0, 3, CLONE[platform.machine()]),
        (BPF_LOAD, 0, 0, 16),  # seccomp_data.args[0]: the flags
        (BPF_BITS, 1, 0, CLONE_THREAD),
        (BPF_RETURN, 0, 0, SECCOMP_EPERM),
        (BPF_RETURN, 0, 0, SECCOMP_ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    filter_ = _Filter(len(program), code)
    held: bool = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) == 0
    return held
