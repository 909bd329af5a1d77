"""Starts a stack in the order of its needs, and stops exactly what it started when that does not succeed."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping

from daira_devtools.stack import (
    addresses,
    bootstrap,
    descriptors,
    downloads,
    freshness,
    place,
    ports,
    prepare,
    processes,
    service_env,
    tools,
    watch,
)
from daira_devtools.stack.containers import Containers
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.scope import Scope
from daira_devtools.stack.stopping import stop_in_order
from daira_devtools.stack.table import Process, Table
from daira_devtools.stack.together import together

Tell = Callable[[str], None]


class Launcher:
    """One `up` of one stack. What runs is kept, but a service or gateway whose files have changed is started anew."""

    def __init__(
        self,
        table: Table,
        folder: place.StackFolder,
        base: int,
        tell: Tell,
        containers: Containers | None = None,
    ) -> None:
        self._containers = containers
        self._table = table
        self._folder = folder
        self._base = base
        self._scope = Scope(table, folder, base)
        self._tell = tell
        self._ready: dict[str, asyncio.Event] = {}
        self._started: list[processes.Record] = []
        self._places = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def bring(self, rows: Mapping[str, Process], steps: Iterable[str] = ()) -> None:
        """Starts and awaits processes and steps.

        Raises `StackError`. Failed or cancelled, it stops what it had started.
        """
        descriptors.allow_many()
        await self._stop_outdated(rows)
        missing = {name: row for name, row in rows.items() if not self._runs(name) and not self._is_contained(row)}
        self._ready = {name: asyncio.Event() for name in (*rows, *steps)}
        try:
            await self._get_programs(missing)
            await self._start_containers(rows)
            ports.require_free(self._table, missing, self._base)
            await together(
                [
                    *(self._process(name, row, name in missing) for name, row in rows.items()),
                    *(self._step(name) for name in steps),
                ]
            )
        except BaseException:
            await self._undo()
            raise

    def _runs(self, name: str) -> bool:
        record = processes.read(self._folder.record(name))
        return record is not None and processes.is_alive(record)

    async def _stop_outdated(self, rows: Mapping[str, Process]) -> None:
        alive = {name: record for name in rows if (record := processes.read(self._folder.record(name)))}
        outdated = [
            record
            for name, record in alive.items()
            if processes.is_alive(record) and record.made_from != freshness.fingerprint(name, rows[name])
        ]
        for record in outdated:
            self._tell(f"{record.name:<14} changed, starting it anew")
        await stop_in_order(outdated, self._folder)

    async def _get_programs(self, rows: Mapping[str, Process]) -> None:
        tools.require(tool for row in rows.values() for tool in row.tools)
        if any("java" in row.tools for row in rows.values()):
            tools.require_java()
        absent = [name for name, row in rows.items() if row.group == "services" and not service_env.is_installed(name)]
        if absent:
            raise StackError(f"not installed: {', '.join(absent)}: run `make setup`")
        wanted = {name for row in rows.values() for name in row.uses}
        await downloads.fetch({name: self._table.download[name] for name in sorted(wanted)}, self._tell)

    async def _step(self, name: str) -> None:
        await self._await(self._table.step[name].needs)
        begun = time.monotonic()
        await bootstrap.STEPS[name](addresses.of(self._table, self._base))
        self._done(name, begun)

    async def _process(self, name: str, row: Process, is_missing: bool) -> None:
        service = self._table.service
        needs = service_env.waits(name, service) if row.group == "services" else row.needs
        await self._await(needs)
        if row.group == "services":
            async with self._places:
                await self._start(name, row, is_missing)
        else:
            await self._start(name, row, is_missing)

    async def _await(self, needs: Iterable[str]) -> None:
        for need in needs:
            if need in self._ready:
                await self._ready[need].wait()

    async def _start(self, name: str, row: Process, is_missing: bool) -> None:
        begun = time.monotonic()
        started = await self._spawn(name, row) if is_missing else None
        await watch.until_ready(name, row, self._base, started, self._folder.log(name))
        self._done(name, begun)

    async def _spawn(self, name: str, row: Process) -> processes.Started:
        env = self._environment(name, row)
        await prepare.prepare(name, row, self._scope, self._folder, env)
        started = processes.spawn(
            name,
            prepare.command_for(row, self._scope.command(row.command, name), self._folder.data(name)),
            env=env,
            log=self._folder.log(name),
            cwd=self._folder.data(name),
            record=self._folder.record(name),
            group=row.group,
            made_from=freshness.fingerprint(name, row),
            stop=row.stop,
            stop_seconds=row.stop_seconds,
        )
        self._started.append(started.record)
        return started

    def _environment(self, name: str, row: Process) -> dict[str, str]:
        if row.group == "services":
            return service_env.environment(name, self._table.service, self._scope)
        return self._scope.environment(row, name)

    def _done(self, name: str, begun: float) -> None:
        self._tell(f"{name:<14} ready   {time.monotonic() - begun:5.1f} s")
        self._ready[name].set()

    def _is_contained(self, row: Process) -> bool:
        return self._containers is not None and row.group == "stores"

    async def _start_containers(self, rows: Mapping[str, Process]) -> None:
        if self._containers is not None and any(map(self._is_contained, rows.values())):
            await self._containers.up()

    async def _undo(self) -> None:
        await stop_in_order(self._started, self._folder)
