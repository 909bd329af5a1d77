"""Long-lived processes: started in a session of their own, recorded, and stopped by that record only.

A record holds the process id *and* the start time the kernel gave it, so a stale record whose id was given to somebody
else stops nothing. Reads /proc: Linux only.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from daira_devtools.stack import place

POLL_SECONDS = 0.05
DEAD_STATES = frozenset("ZX")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies one started process, across reboots too."""

    name: str
    pid: int
    start: int
    boot: str
    group: str = ""
    stop: str = "TERM"
    stop_seconds: float = 10.0


class Kernel(msgspec.Struct, frozen=True):
    """The three fields of /proc/<pid>/stat this module needs."""

    state: str
    group: int
    start: int


def look_up(pid: int) -> Kernel | None:
    """What the kernel says about a process id, or None when nobody has it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Kernel(state=fields[0], group=int(fields[2]), start=int(fields[19]))


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def spawn(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path,
    record: Path,
    group: str = "",
    stop: str = "TERM",
    stop_seconds: float = 10.0,
) -> "Started":
    """Starts a process that outlives this one, writes its record at once. Output goes to the end of `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            env={**place.surroundings(), **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    kernel = look_up(child.pid)
    written = Record(
        name=name,
        pid=child.pid,
        start=kernel.start if kernel else 0,
        boot=boot_id(),
        group=group,
        stop=stop,
        stop_seconds=stop_seconds,
    )
    record.write_bytes(msgspec.json.encode(written))
    return Started(written, child)


class Started:
    """A process this call started: knows when it has died, and reaps it."""

    def __init__(self, record: Record, child: subprocess.Popen[bytes]) -> None:
        self.record = record
        self._child = child

    def exit_code(self) -> int | None:
        return self._child.poll()


def read(path: Path) -> Record | None:
    """A record, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None


def is_alive(record: Record) -> bool:
    """Whether exactly the recorded process runs: same id, same start, same boot, not a zombie."""
    kernel = look_up(record.pid)
    return (
        kernel is not None
        and record.boot == boot_id()
        and kernel.start == record.start
        and kernel.state not in DEAD_STATES
    )


def members(record: Record) -> list[int]:
    """Living processes of the recorded group; none when the id now belongs to somebody else."""
    leader = look_up(record.pid)
    if record.boot != boot_id() or (leader is not None and leader.start != record.start):
        return []
    found = []
    for entry in Path("/proc").iterdir():
        kernel = look_up(int(entry.name)) if entry.name.isdigit() else None
        if kernel and kernel.group == record.pid and kernel.state not in DEAD_STATES:
            found.append(int(entry.name))
    return found


async def stop(record: Record, *, kill: bool = False) -> bool:
    """Ends the recorded process and its group: its own signal first, SIGKILL after `stop_seconds`.

    Returns whether anything was running. The signal goes to the leader alone, so that it can end its children in order.
    """
    if not members(record):
        return False
    if not kill:
        _signal(record.pid if is_alive(record) else -record.pid, getattr(signal, f"SIG{record.stop}"))
        if await _gone(record, record.stop_seconds):
            return True
    _signal(-record.pid, signal.SIGKILL)
    await _gone(record, record.stop_seconds)
    return True


async def _gone(record: Record, seconds: float) -> bool:
    waited = 0.0
    while members(record):
        if waited >= seconds:
            return False
        _reap(record.pid)
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    _reap(record.pid)
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
