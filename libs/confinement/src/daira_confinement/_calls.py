"""System calls a locked-in process may make, by each machine's numbers (kernel: syscall_64.tbl, unistd.h)."""

import msgspec

# Files already within reach, memory, threads, clocks. No sockets, no exec, no ptrace, no signals to others.
# name: (x86-64, aarch64); aarch64 has only the newer of two calls that do the same.
_ALLOWED: dict[str, tuple[int, int | None]] = {
    "read": (0, 63), "write": (1, 64), "open": (2, None), "close": (3, 57), "stat": (4, None), "fstat": (5, 80),
    "lstat": (6, None), "poll": (7, None), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226),
    "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66),
    "access": (21, None), "select": (23, None), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "dup": (32, 23), "nanosleep": (35, 101), "getpid": (39, 172), "exit": (60, 93), "uname": (63, 160),
    "fcntl": (72, 25), "fsync": (74, 82), "ftruncate": (77, 46), "getcwd": (79, 17), "rename": (82, None),
    "mkdir": (83, None), "unlink": (87, None), "readlink": (89, None), "gettimeofday": (96, 169),
    "getrlimit": (97, 163), "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174),
    "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173),
    "sigaltstack": (131, 132), "prctl": (157, 167), "gettid": (186, 178), "futex": (202, 98),
    "sched_getaffinity": (204, 123), "getdents64": (217, 61), "set_tid_address": (218, 96),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94),
    "openat": (257, 56), "mkdirat": (258, 34), "newfstatat": (262, 79), "unlinkat": (263, 35), "renameat": (264, 38),
    "readlinkat": (267, 78), "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "renameat2": (316, 276), "getrandom": (318, 278), "membarrier": (324, 283),
    "statx": (332, 291), "rseq": (334, 293), "faccessat2": (439, 439),
}  # fmt: skip


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One architecture: how the kernel names it to a filter, and its numbers."""

    audit: int
    allowed: tuple[int, ...]
    clone: int
    """Allowed for threads only: its first argument holds the flags on all machines here."""


CLONE3 = 435
"""The same on every machine, like all calls since 424."""
MACHINES = {
    "x86_64": Machine(audit=0xC000003E, allowed=tuple(x86 for x86, _ in _ALLOWED.values()), clone=56),
    "aarch64": Machine(
        audit=0xC00000B7, allowed=tuple(arm for _, arm in _ALLOWED.values() if arm is not None), clone=220
    ),
}
"""By `platform.machine()`."""
