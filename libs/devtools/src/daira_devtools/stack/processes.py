"""Long-lived processes: started in a session of their own, recorded, and stopped by that record only.

A record holds the process id *and* the start time the kernel gave it, so a stale record whose id was given to somebody
else stops nothing. Reads /proc: Linux only.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from daira_devtools.stack import place

POLL_SECONDS = 0.03
LOG_BYTES = 20_000_000
DEAD_STATES = frozenset("ZX")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies one started process, across reboots too."""

    name: str
    pid: int
    start: int
    boot: str
    group: str = ""
    made_from: str = ""
    stop: str = "TERM"
    stop_seconds: float = 10.0


class Kernel(msgspec.Struct, frozen=True):
    """The fields of /proc/<pid>/stat this module needs."""

    state: str
    parent: int
    group: int
    threads: int
    start: int

    @property
    def is_dead(self) -> bool:
        """A zombie whose other threads are still ending holds its ports and files yet."""
        return self.state in DEAD_STATES and self.threads <= 1


def look_up(pid: int) -> Kernel | None:
    """What the kernel says about a process id, or None when nobody has it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return parse(text)


def parse(text: str) -> Kernel:
    """The fields of a stat line; the program's name in it may hold spaces and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return Kernel(
        state=fields[0], parent=int(fields[1]), group=int(fields[2]), threads=int(fields[17]), start=int(fields[19])
    )


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
    made_from: str = "",
    stop: str = "TERM",
    stop_seconds: float = 10.0,
) -> "Started":
    """Starts a process that outlives this one, writes its record at once. Output goes to the end of `log`,
    which is put aside (`.old.log`) when it has grown beyond 20 MB.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
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
        made_from=made_from,
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
    return record.boot == boot_id() and _lives(record.pid, record.start)


def family(record: Record) -> dict[int, int]:
    """Living processes of the recorded group and all their descendants, as id → start; PostgreSQL's backends, for one,
    leave the group of their parent. Nobody when the id now belongs to somebody else.
    """
    leader = look_up(record.pid)
    if record.boot != boot_id() or (leader is not None and leader.start != record.start):
        return {}
    everybody = _everybody()
    found = {pid for pid, kernel in everybody.items() if kernel.group == record.pid}
    while children := {pid for pid, kernel in everybody.items() if kernel.parent in found and pid not in found}:
        found |= children
    return {pid: everybody[pid].start for pid in found if not everybody[pid].is_dead}


def _everybody() -> dict[int, Kernel]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid: kernel for pid in pids if (kernel := look_up(pid))}


async def stop(record: Record, *, kill: bool = False) -> bool:
    """Ends the recorded process and its family. Returns whether anything was running.

    Its own signal goes to the leader alone, so that it can end its children in order, then to those that it left;
    whoever is there after `stop_seconds` gets SIGKILL.
    """
    relatives = family(record)
    if not relatives:
        return False
    if not kill:
        number = getattr(signal, f"SIG{record.stop}")
        if record.pid in relatives:
            _signal([record.pid], number)
            await _gone({record.pid: record.start}, record.stop_seconds)
        left = {pid: start for pid, start in relatives.items() if _lives(pid, start)}
        _signal([pid for pid in left if pid != record.pid], number)
        if await _gone(left, 0 if record.pid in left else record.stop_seconds):
            return True
    everyone = relatives | family(record)
    _signal([pid for pid, start in everyone.items() if _lives(pid, start)], signal.SIGKILL)
    await _gone(everyone, record.stop_seconds)
    return True


async def _gone(relatives: Mapping[int, int], seconds: float) -> bool:
    waited = 0.0
    while any(_lives(pid, start) for pid, start in relatives.items()):
        if waited >= seconds:
            return False
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    for pid in relatives:
        _reap(pid)
    return True


def _lives(pid: int, start: int) -> bool:
    kernel = look_up(pid)
    return kernel is not None and kernel.start == start and not kernel.is_dead


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
