"""What a person can ask of a stack: up, down, status. One command at a time works on one stack."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec

from daira_devtools.stack import place, probes, processes, table
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.launcher import Launcher, Tell, stop_all

GROUPS = {"stores": ("stores",), "all": ("stores", "services", "gateway")}


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a stack between two commands."""

    base: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One process in the status table."""

    name: str
    state: str
    pid: int | None
    ports: str


async def up(name: str, base: int, groups: Iterable[str], tell: Tell) -> None:
    """Starts what is missing of a stack and waits until all of it is ready."""
    folder = place.StackFolder(name)
    async with _alone(folder):
        _remember(folder, base)
        await Launcher(table.load(), folder, base, tell).up(groups)


async def down(name: str, *, kill: bool = False, tell: Tell) -> int:
    """Stops every recorded process of a stack, last started first; returns how many ran. Data stay."""
    folder = place.StackFolder(name)
    if not folder.path.exists():
        return 0
    async with _alone(folder):
        records = recorded(folder)
        for record in reversed(records):
            tell(f"stopping {record.name}")
            await stop_all([record], folder, kill=kill)
        return len(records)


async def status(name: str) -> list[Line]:
    """Each process of the table: absent, dead, starting or ready."""
    folder = place.StackFolder(name)
    rows = table.load()
    base = base_of(folder)
    return list(await asyncio.gather(*(_line(folder, rows, base, process) for process in rows.process)))


def recorded(folder: place.StackFolder) -> list[processes.Record]:
    """The records of a stack in the order the processes were started."""
    found = [processes.read(path) for path in folder.records.glob("*.json")]
    return sorted((record for record in found if record), key=lambda record: (record.start, record.pid))


def base_of(folder: place.StackFolder) -> int:
    """The base port a stack was started with. Raises `StackError` if it never was."""
    try:
        return msgspec.json.decode(folder.state.read_bytes(), type=State).base
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"no stack called {folder.name} was ever started here") from error


async def _line(folder: place.StackFolder, rows: table.Table, base: int, name: str) -> Line:
    row = rows.process[name]
    record = processes.read(folder.records / f"{name}.json")
    ports = " ".join(str(base + offset) for offset in row.ports.values())
    if record is None:
        return Line(name=name, state="absent", pid=None, ports=ports)
    if not processes.is_alive(record):
        return Line(name=name, state="dead", pid=record.pid, ports=ports)
    kind, port_name, *arguments = row.ready.split()
    is_ready = await probes.is_ready(kind, rows.port(base, name, port_name), *arguments)
    return Line(name=name, state="ready" if is_ready else "not ready", pid=record.pid, ports=ports)


def _remember(folder: place.StackFolder, base: int) -> None:
    if folder.state.exists() and base_of(folder) != base and any(map(processes.is_alive, recorded(folder))):
        raise StackError(f"the stack {folder.name} runs on base port {base_of(folder)}: take it down first")
    folder.state.write_bytes(msgspec.json.encode(State(base=base)))


@asynccontextmanager
async def _alone(folder: place.StackFolder) -> AsyncIterator[None]:
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another command is working on the stack {folder.name}") from None
        yield
