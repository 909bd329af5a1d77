"""What a locked-in process cannot have, tried in processes that were locked in."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from daira_confinement import Level
from daira_confinement.children import child
from daira_confinement.escapes import Attempt, leaks

PRISONER = """
import encodings.idna, os, pathlib, socket, sys, threading
from daira_confinement import Ceilings, enter
if {unprivileged} and os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
ceilings = Ceilings(memory_bytes=1 << 30, cpu_seconds=5, file_bytes=1 << 20, open_files=32, threads=40)
level, reasons = enter(
    ceilings, parent=os.getppid(), readable={readable!r}, writable={writable!r}, preload=()
)
"""
TRY = "try:\n    {wish}\nexcept (OSError, MemoryError):\n    os._exit(7)\nos._exit(0)\n"
ESCAPES = {
    "a file of the service": "open('/proc/self/../1/environ').read()",
    "a password file": "open('/etc/passwd').read()",
    "a file beside its folder": "open('/tmp/escaped', 'w')",
    "a library": "open(os.__file__).read()",
    "the network": "socket.socket()",
    "a program": "os.execv('/bin/true', ['true'])",
    "a child": "os.fork()",
    "another process": "os.kill(os.getppid(), 0)",
    "2 GB of memory": "bytearray(2_000_000_000)",
    "2 MB in one file": "open(pathlib.Path(FOLDER, 'big'), 'wb').write(bytes(2_000_000))",
    "a hundred descriptors": "[os.dup(0) for _ in range(100)]",
}
CROWD = """
end = threading.Event()
started = 1
try:
    while started < 200:
        threading.Thread(target=end.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
sys.stdout.write(f"{level.name} {started}")
sys.stdout.flush()
os._exit(0)
"""
SPIN = "while True:\n    pass\n"


def prisoner(readable: Any = None, writable: Any = None, *, unprivileged: bool = False) -> str:
    """The beginning of a program that has given up its rights; `readable` and `writable` are paths."""
    text = PRISONER.format(
        unprivileged=unprivileged,
        readable=readable and str(readable),
        writable=writable and str(writable),
    )
    return text + f"FOLDER = {str(writable)!r}\n"


async def run(program: str) -> tuple[int | None, str]:
    """Exit status and output of a program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


@pytest.mark.parametrize("wish", ESCAPES)
async def test_a_locked_in_process_cannot_have(wish: str, tmp_path: Path) -> None:
    status, _ = await run(prisoner(None, tmp_path) + TRY.format(wish=ESCAPES[wish]))

    assert status == 7


async def test_it_can_read_its_input_and_work_in_its_folder(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.write_text("bytes")
    folder.mkdir()
    copy = f"pathlib.Path(FOLDER, 'made').write_text(pathlib.Path({str(source)!r}).read_text())"

    status, _ = await run(prisoner(source, folder) + TRY.format(wish=copy))

    assert status == 0
    assert (folder / "made").read_text() == "bytes"


async def test_it_cannot_write_to_its_input(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.write_text("bytes")
    folder.mkdir()

    status, _ = await run(prisoner(source, folder) + TRY.format(wish=f"open({str(source)!r}, 'a')"))

    assert status == 7


async def test_a_process_that_computes_for_too_long_is_told_apart_from_other_deaths() -> None:
    status, _ = await run(prisoner().replace("cpu_seconds=5", "cpu_seconds=1") + SPIN)

    assert status == -24  # SIGXCPU


async def test_a_crowd_of_threads_ends_at_the_limit() -> None:
    # Memory for their stacks must not be what ends them.
    _, out = await run(prisoner(unprivileged=True).replace("1 << 30", "1 << 40") + CROWD)
    level, started = out.split()

    # Without a namespace of its own the limit would count the whole machine's processes of this user.
    assert started == "40" or level != "ISOLATED"


async def test_this_machine_locks_processes_in_as_far_as_files() -> None:
    _, out = await run(prisoner() + "sys.stdout.write(str(int(level)))")

    assert int(out) >= Level.CONFINED


async def test_a_process_whose_parent_is_gone_does_nothing() -> None:
    status, _ = await run(prisoner().replace("parent=os.getppid()", "parent=1") + "os._exit(0)")

    assert status == 1


def test_the_attempts_succeed_outside_so_the_measure_means_something(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("out of bounds")

    assert set(leaks(canary, 64)) == set(Attempt)


async def test_a_child_knows_nothing_of_the_services_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAIRA_VIDEO_S3_SECRET_KEY", "canary")
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")

    async with child("code") as process:  # an interpreter that waits for its first line
        seen = await asyncio.to_thread(Path(f"/proc/{process.pid}/environ").read_bytes)

    assert b"canary" not in seen and b"nonexistent" not in seen


async def test_a_child_is_dead_and_reaped_once_its_parent_has_left_it() -> None:
    async with child("code") as process:
        assert process.returncode is None

    assert process.returncode == -9
