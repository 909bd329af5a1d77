"""What a person or a test can ask of a stack. One command at a time works on one stack."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec

from daira_devtools.stack import children, place, processes, service_env, table, watch
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.launcher import Launcher, Tell
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.stopping import stop_in_order

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


def silent(_: str) -> None:
    """Tells nobody."""


async def up(name: str, base: int, groups: Iterable[str], tell: Tell = silent) -> None:
    """Starts what is missing of a stack and waits until all of it is ready. Raises `StackError`."""
    folder = place.StackFolder(name)
    async with _alone(folder):
        _remember(folder, base)
        await Launcher(table.load(), folder, base, tell).up(groups)


async def down(name: str, *, kill: bool = False) -> int:
    """Stops every recorded process of a stack; returns how many ran. Data stay."""
    folder = place.StackFolder(name)
    if not folder.path.exists():
        return 0
    async with _alone(folder):
        return await stop_in_order(recorded(folder), folder, kill=kill)


async def start(name: str, chosen: Sequence[str], tell: Tell = silent) -> None:
    """Starts single processes of a stack that was up before, with their data, and waits until they are ready."""
    folder = place.StackFolder(name)
    rows = table.load()
    async with _alone(folder):
        await Launcher(rows, folder, base_of(folder), tell).bring({process: _row(rows, process) for process in chosen})


async def stop(name: str, chosen: Sequence[str], *, kill: bool = False) -> int:
    """Stops single processes of a stack; `kill` gives them no chance to tidy up. Returns how many ran."""
    folder = place.StackFolder(name)
    rows = table.load()
    for process in chosen:
        _row(rows, process)
    async with _alone(folder):
        return await stop_in_order((r for r in recorded(folder) if r.name in chosen), folder, kill=kill)


async def status(name: str) -> list[Line]:
    """Each process of the table: absent, dead, not ready or ready."""
    folder = place.StackFolder(name)
    rows = table.load()
    base = base_of(folder)
    return list(await asyncio.gather(*(_line(folder, base, process, row) for process, row in rows.process.items())))


def environment(name: str, service: str) -> dict[str, str]:
    """The environment of one service of a stack."""
    folder = place.StackFolder(name)
    rows = table.load()
    if service not in rows.service.names:
        raise StackError(f"no service is called {service}: {', '.join(rows.service.names)}")
    return service_env.environment(service, rows.service, Scope(rows, folder, base_of(folder)))


async def migrate(name: str, services: Sequence[str], tell: Tell = silent) -> None:
    """Runs what a service runs before its start, its migrations; for all services if none is named."""
    rows = table.load()
    scope = Scope(rows, place.StackFolder(name), base_of(place.StackFolder(name)))
    for service in services or rows.service.names:
        env = service_env.environment(service, rows.service, scope)
        for command in _row(rows, service).before:
            await children.finish(scope.command(command, service), env)
        tell(f"{service:<14} migrated")


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


def _row(rows: table.Table, process: str) -> table.Process:
    if process not in rows.process:
        raise StackError(f"no process is called {process}: {', '.join(rows.process)}")
    return rows.process[process]


async def _line(folder: place.StackFolder, base: int, name: str, row: table.Process) -> Line:
    record = processes.read(folder.record(name))
    ports = " ".join(str(base + offset) for offset in row.ports.values())
    if record is None:
        return Line(name=name, state="absent", pid=None, ports=ports)
    if not processes.is_alive(record):
        return Line(name=name, state="dead", pid=record.pid, ports=ports)
    state = "ready" if await watch.is_ready(row, base) else "not ready"
    return Line(name=name, state=state, pid=record.pid, ports=ports)


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
