"""The locks around a decoder: measured by attempts to break out, and read instruction by instruction."""

import asyncio
import errno
import resource
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from daira_testing.clips import Clip, make
from daira_video.adapters import protocol
from daira_video.adapters import sandbox as parent
from daira_video.adapters.confinement import Level
from daira_video.adapters.confinement import _calls as calls
from daira_video.adapters.confinement import _seccomp as seccomp
from daira_video.adapters.decoder.measure import measure
from daira_video.adapters.protocol import Attempt
from daira_video.adapters.sandbox import DecoderDied, Measurement, Sandbox, SandboxTooWeak
from daira_video.domain.ladder import ladder
from daira_video.domain.limits import Limits

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


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Limits(), minimum=Level.FILTERED, threads=2)


@pytest.mark.parametrize("minimum", [Level.FILTERED, Level.CONFINED])
async def test_the_sandbox_is_measured_by_attempts_that_all_fail(minimum: Level) -> None:
    strict = Sandbox(Limits(), minimum=minimum, threads=1)

    measured = await strict.measure()

    assert measured.level >= Level.CONFINED
    assert measured.leaks == frozenset()
    strict.accept(measured)


def test_the_same_attempts_succeed_outside_so_the_measure_means_something(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("out of bounds")

    assert set(measure(canary, Limits().open_files).leaks) == set(Attempt)


@pytest.mark.parametrize(
    ("minimum", "leaks", "accepted"),
    [
        (Level.CONFINED, {Attempt.READ_FILE}, False),
        (Level.FILTERED, {Attempt.READ_FILE}, True),
        (Level.FILTERED, {Attempt.OPEN_SOCKET}, False),
        (Level.LIMITED, {Attempt.OPEN_SOCKET}, True),
        (Level.ISOLATED, set(), True),
    ],
)
def test_a_leak_counts_where_the_minimum_forbids_it(minimum: Level, leaks: Any, accepted: bool) -> None:
    chosen = Sandbox(Limits(), minimum=minimum, threads=1)
    refused = None
    try:
        chosen.accept(Measurement(level=minimum, leaks=frozenset(leaks)))
    except SandboxTooWeak as weak:
        refused = weak

    assert (refused is None) is accepted


async def test_every_way_out_that_was_tried_is_told_to_the_monitoring(running: Any) -> None:
    told = {
        attempt: REGISTRY.get_sample_value("daira_video_sandbox_leak", {"attempt": attempt.value})
        for attempt in Attempt
    }

    assert set(told.values()) == {0.0}


def test_a_machine_that_locks_in_too_little_decodes_nothing() -> None:
    with pytest.raises(SandboxTooWeak):
        parent.demand(protocol.Confined(level=Level.LIMITED, reasons=("no seccomp",)), Level.FILTERED)


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


CROWD = """
import os, resource, sys, threading
from daira_video.adapters.confinement import Ceilings, Level, enter
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
ceilings = Ceilings(memory_bytes=1 << 40, cpu_seconds=20, file_bytes=1 << 20, open_files=32, threads=40)
level, _ = enter(ceilings, parent=os.getppid(), readable=None, writable=None, preload=())
end = threading.Event()
started = 1
try:
    while started < 200:
        threading.Thread(target=end.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
sys.stdout.write(f"{level.name} {started}\\n")
sys.stdout.flush()
os._exit(0)
"""


async def test_a_crowd_of_threads_ends_at_the_limit() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CROWD, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    level, started = out.split()

    # Without a namespace of its own the limit would count the whole machine's processes of this user.
    assert started == b"40" or level != b"ISOLATED"


async def test_a_ladder_needs_fewer_descriptors_and_threads_than_it_may_have(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(width=1920, height=1080, seconds=0.2))
    tight = Sandbox(Limits(open_files=24, threads=128), minimum=Level.FILTERED, threads=2)
    source = await tight.probe(path)

    encoded = await tight.encode(path, source, tmp_path, ladder(source), mp4="720p")

    assert [rung.name for rung in encoded.rungs] == ["240p", "360p", "480p", "720p", "1080p"]


async def test_the_limits_are_those_of_the_child_not_of_the_service(sandbox: Sandbox) -> None:
    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS)]

    await sandbox.measure()

    after = [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS)]
    assert before == after


async def test_the_child_knows_nothing_of_the_services_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAIRA_VIDEO_S3_SECRET_KEY", "canary")
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    seen: list[bytes] = []

    async with parent.child() as process:
        seen.append(await asyncio.to_thread(Path(f"/proc/{process.pid}/environ").read_bytes))

    assert b"canary" not in seen[0] and b"nonexistent" not in seen[0]


async def test_nonsense_from_a_captured_child_is_a_death_not_a_result() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b'{"type":"probed","source":{"width":"; rm -rf"}}\n')
    stream.feed_eof()

    with pytest.raises(DecoderDied):
        async for _ in parent.replies(stream):
            pass
