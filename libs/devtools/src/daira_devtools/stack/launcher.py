"""Starts a stack in the order of its needs, and stops exactly what it started when that does not succeed."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable

from daira_devtools.stack import bootstrap, downloads, place, prepare, probes, processes, tools
from daira_devtools.stack.endpoints import Endpoints
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.table import Process, Step, Table

POLL_SECONDS = 0.1
LAST_LINES = 15
Tell = Callable[[str], None]


class Launcher:
    """One `up` of one stack. Processes of this stack that already run are kept as they are."""

    def __init__(self, table: Table, folder: place.StackFolder, base: int, tell: Tell) -> None:
        self._table = table
        self._folder = folder
        self._scope = Scope(table, folder, base)
        self._endpoints = Endpoints(host=table.host, base=base, ports=table.ports(base))
        self._tell = tell
        self._ready: dict[str, asyncio.Event] = {}
        self._started: list[processes.Record] = []

    async def up(self, groups: Iterable[str]) -> None:
        """Starts and awaits everything of those groups. Raises `StackError`; failed or cancelled, it undoes its starts."""
        rows = self._table.select(groups)
        steps = self._table.steps_of(groups)
        missing = {name: row for name, row in rows.items() if not self._runs(name)}
        self._ready = {name: asyncio.Event() for name in (*rows, *steps)}
        try:
            await self._get_programs(missing)
            self._check_ports(missing)
            async with asyncio.TaskGroup() as group:
                for name, row in rows.items():
                    group.create_task(self._bring(name, row.needs, self._start(name, row, name in missing)))
                for name, step in steps.items():
                    group.create_task(self._bring(name, step.needs, self._step(name, step)))
        except BaseException as error:
            await self._undo()
            if isinstance(error, BaseExceptionGroup):
                raise _first(error) from error
            raise

    def _runs(self, name: str) -> bool:
        record = processes.read(self._folder.records / f"{name}.json")
        return record is not None and processes.is_alive(record)

    async def _get_programs(self, rows: dict[str, Process]) -> None:
        wanted = {name for row in rows.values() for name in row.uses}
        tools.require(tool for row in rows.values() for tool in row.tools)
        if any("java" in row.tools for row in rows.values()):
            tools.require_java()
        await downloads.fetch({name: self._table.download[name] for name in wanted}, self._tell)

    def _check_ports(self, rows: dict[str, Process]) -> None:
        for name, row in rows.items():
            for port_name, offset in row.ports.items():
                port = self._endpoints.base + offset
                if _is_taken(self._table.host, port):
                    raise StackError(f"port {port} ({name} {port_name}) is taken by a process this stack did not start")

    async def _bring(self, name: str, needs: Iterable[str], work: Awaitable[None]) -> None:
        try:
            for need in needs:
                if need in self._ready:
                    await self._ready[need].wait()
        except BaseException:
            if asyncio.iscoroutine(work):
                work.close()
            raise
        begun = time.monotonic()
        await work
        self._tell(f"{name:<14} ready   {time.monotonic() - begun:5.1f} s")
        self._ready[name].set()

    async def _step(self, name: str, step: Step) -> None:
        await getattr(bootstrap, name)(self._endpoints)

    async def _start(self, name: str, row: Process, missing: bool) -> None:
        started = await self._spawn(name, row) if missing else None
        kind, port_name, *arguments = row.ready.split()
        port = self._table.port(self._endpoints.base, name, port_name)
        try:
            async with asyncio.timeout(row.ready_seconds):
                while not await probes.is_ready(kind, port, *arguments):
                    self._fail_if_dead(name, started)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise StackError(f"{name} was not ready after {row.ready_seconds:.0f} s{self._last_words(name)}") from None

    async def _spawn(self, name: str, row: Process) -> processes.Started:
        await prepare.prepare(name, row, self._scope, self._folder)
        started = processes.spawn(
            name,
            prepare.command_for(row, self._scope.command(row.command, name), self._folder.data(name)),
            env=self._scope.environment(row, name),
            log=self._folder.log(name),
            cwd=self._folder.data(name),
            record=self._folder.records / f"{name}.json",
            stop=row.stop,
            stop_seconds=row.stop_seconds,
        )
        self._started.append(started.record)
        return started

    def _fail_if_dead(self, name: str, started: processes.Started | None) -> None:
        if started is not None and (code := started.exit_code()) is not None:
            raise StackError(f"{name} ended with {code} before it was ready{self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        log = self._folder.log(name)
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log.exists() else []
        return "\n".join([f"; the end of {log}:", *lines])

    async def _undo(self) -> None:
        await stop_all(reversed(self._started), self._folder)


async def stop_all(records: Iterable[processes.Record], folder: place.StackFolder, *, kill: bool = False) -> int:
    """Stops processes one after another, in the order given; returns how many ran."""
    stopped = 0
    for record in records:
        stopped += await processes.stop(record, kill=kill)
        (folder.records / f"{record.name}.json").unlink(missing_ok=True)
    return stopped


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    return group


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
