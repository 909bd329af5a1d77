"""The list of system calls, read instruction by instruction as the kernel would."""

import errno
import struct

import pytest

from daira_confinement import _calls as calls
from daira_confinement import _seccomp as seccomp

KILL, ALLOW, REFUSE, UNKNOWN = 0x80000000, 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
# What no decoder needs, by the numbers of (x86-64, aarch64).
FORBIDDEN = {
    "socket": (41, 198), "connect": (42, 203), "socketpair": (53, 199), "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tgkill": (234, 131), "ptrace": (101, 117), "process_vm_readv": (310, 270), "mount": (165, 40),
    "setns": (308, 268), "unshare": (272, 97), "bpf": (321, 280), "io_uring_setup": (425, 425), "keyctl": (250, 219),
    "perf_event_open": (298, 241), "fchmod": (91, 52), "linkat": (265, 37), "symlinkat": (266, 36),
    "openat2": (437, 437), "memfd_create": (319, 279), "userfaultfd": (323, 282), "setuid": (105, 146),
    "prlimit64": (302, 261),
}  # fmt: skip


def test_a_machine_without_a_list_of_calls_is_locked_in_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(OSError, match="riscv64"):
        seccomp.restrict()


def verdict(program: bytes, machine: int, number: int, first_argument: int = 0) -> int:
    """What the kernel would answer: the few instructions of classic BPF that the filter uses, interpreted."""
    data = struct.pack("<IIQQ", number, machine, 0, first_argument)
    lines = list(struct.iter_unpack("<HBBI", program))
    place = value = 0
    while True:
        code, when, otherwise, operand = lines[place]
        place += 1
        match code:
            case 0x20:
                value = struct.unpack_from("<I", data, operand)[0]
            case 0x15:
                place += when if value == operand else otherwise
            case 0x45:
                place += when if value & operand else otherwise
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"not an instruction of this filter: {code:#x}")


@pytest.mark.parametrize(("name", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_of_each_machine_allows_its_list_and_nothing_else(name: str, column: int) -> None:
    machine = calls.MACHINES[name]
    program = seccomp.program(machine)

    allowed = {number for number in range(600) if verdict(program, machine.audit, number) == ALLOW}

    assert allowed == set(machine.allowed)
    assert allowed.isdisjoint(numbers[column] for numbers in FORBIDDEN.values())
    assert {verdict(program, machine.audit, numbers[column]) for numbers in FORBIDDEN.values()} == {REFUSE}


@pytest.mark.parametrize("name", calls.MACHINES)
def test_a_thread_may_be_started_and_a_process_may_not(name: str) -> None:
    machine = calls.MACHINES[name]
    program = seccomp.program(machine)

    assert verdict(program, machine.audit, machine.clone, 0x10000 | 0x100) == ALLOW
    assert verdict(program, machine.audit, machine.clone, 0x100) == REFUSE
    assert verdict(program, machine.audit, calls.CLONE3) == UNKNOWN


def test_calls_by_another_machines_numbers_end_the_process() -> None:
    x86, arm = calls.MACHINES["x86_64"], calls.MACHINES["aarch64"]
    assert verdict(seccomp.program(x86), arm.audit, 0) == KILL
    assert verdict(seccomp.program(arm), x86.audit, 0) == KILL
    assert verdict(seccomp.program(x86), 0x40000003, 0) == KILL  # 32 bit
    assert verdict(seccomp.program(x86), x86.audit, 0x40000000) == REFUSE  # the x32 numbers of read
