"""A stack as one object: what a person, the demo or a test can ask of it. One command at a time works on one stack."""

import asyncio
import fcntl
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec

from daira_devtools.stack import addresses, children, place, processes, service_env, table, watch
from daira_devtools.stack.containers import Containers
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.launcher import Launcher, Tell
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.stopping import stop_in_order

STORES = ("stores",)
ALL = ("stores", "services", "gateway")


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


class Stack:
    """The stack that lives in `folder`; `tell` hears each line of progress."""

    def __init__(self, folder: place.StackFolder, rows: table.Table, tell: Tell = silent) -> None:
        self.folder = folder
        self.rows = rows
        self._tell = tell

    @classmethod
    def named(cls, name: str, tell: Tell = silent) -> "Stack":
        """The stack in `.stack/<name>/` of this checkout."""
        return cls(place.StackFolder(name), table.load(), tell)

    @property
    def base(self) -> int:
        """The base port it was started with. Raises `StackError` if it never was."""
        try:
            return msgspec.json.decode(self.folder.state.read_bytes(), type=State).base
        except (OSError, msgspec.MsgspecError) as error:
            raise StackError(f"no stack called {self.folder.name} was ever started here") from error

    @property
    def endpoints(self) -> addresses.Endpoints:
        if place.mode() == "external":
            return addresses.endpoints()
        return addresses.of(self.rows, self.base)

    @property
    def records(self) -> list[processes.Record]:
        """What was started and not yet stopped, in the order of starting."""
        found = [processes.read(path) for path in self.folder.records.glob("*.json")]
        return sorted((record for record in found if record), key=lambda record: (record.start, record.pid))

    @property
    def is_running(self) -> bool:
        """Whether any of its processes lives."""
        return any(map(processes.is_alive, self.records))

    async def up(self, base: int, groups: Iterable[str]) -> None:
        """Starts what is missing and waits until all of it is ready. Raises `StackError`."""
        if place.mode() == "external":
            self._tell(f"external stack, nothing to start: {addresses.endpoints(base).gateway_url}")
            return
        chosen = tuple(groups)
        async with self._alone():
            self._remember(base)
            await self._launcher().bring(self.rows.select(chosen), self.rows.steps_of(chosen))

    async def down(self, *, kill: bool = False, wipe: bool = False) -> int:
        """Stops every recorded process; returns how many ran. Data stay, unless `wipe` is asked for."""
        if not self.folder.path.exists():
            return 0
        async with self._alone():
            count = await stop_in_order(self.records, self.folder, kill=kill)
            if (containers := self._containers()) is not None:
                await containers.down()
            if wipe:
                shutil.rmtree(self.folder.path / "data", ignore_errors=True)
            return count

    async def start(self, *names: str) -> None:
        """Starts single processes again, with their data, and waits until they are ready."""
        rows = {name: self._row(name) for name in names}
        async with self._alone():
            await self._launcher().bring(rows)

    async def stop(self, *names: str, kill: bool = False) -> int:
        """Stops single processes; `kill` gives them no chance to tidy up. Returns how many ran."""
        chosen = {name: self._row(name) for name in names}
        async with self._alone():
            return await stop_in_order((r for r in self.records if r.name in chosen), self.folder, kill=kill)

    async def status(self) -> list[Line]:
        """Each process of the table: absent, dead, not ready or ready."""
        return list(await asyncio.gather(*(self._line(name, row) for name, row in self.rows.process.items())))

    async def migrate(self, services: Sequence[str]) -> None:
        """Runs what services run before their start, the migrations; for all of them if none is named."""
        scope = Scope(self.rows, self.folder, self.base)
        for service in services or self.rows.service.names:
            env = self.environment(service)
            for command in self._row(service).before:
                await children.finish(scope.command(command, service), env)
            self._tell(f"{service:<14} migrated")

    def environment(self, service: str) -> dict[str, str]:
        """The environment of one service."""
        if service not in self.rows.service.names:
            raise StackError(f"no service is called {service}: {', '.join(self.rows.service.names)}")
        return service_env.environment(service, self.rows.service, Scope(self.rows, self.folder, self.base))

    def _launcher(self) -> Launcher:
        return Launcher(self.rows, self.folder, self.base, self._tell, self._containers())

    def _containers(self) -> Containers | None:
        return Containers(self.rows, self.folder, self.base) if place.mode() == "containers" else None

    def _row(self, name: str) -> table.Process:
        if name not in self.rows.process:
            raise StackError(f"no process is called {name}: {', '.join(self.rows.process)}")
        return self.rows.process[name]

    async def _line(self, name: str, row: table.Process) -> Line:
        base = self.base
        record = processes.read(self.folder.record(name))
        ports = " ".join(str(base + offset) for offset in row.ports.values())
        if record is None:
            return Line(name=name, state="absent", pid=None, ports=ports)
        if not processes.is_alive(record):
            return Line(name=name, state="dead", pid=record.pid, ports=ports)
        state = "ready" if await watch.is_ready(row, base) else "not ready"
        return Line(name=name, state=state, pid=record.pid, ports=ports)

    def _remember(self, base: int) -> None:
        if self.folder.state.exists() and self.base != base and self.is_running:
            raise StackError(f"the stack {self.folder.name} runs on base port {self.base}: take it down first")
        self.folder.state.write_bytes(msgspec.json.encode(State(base=base)))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.folder.lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(f"another command is working on the stack {self.folder.name}") from None
            yield
