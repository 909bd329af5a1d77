"""A rebuild in a process of its own that stands still between two of its steps: there it can be killed."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from daira_bus.projection import Projection, Rebuildable, Refill, Restore
from daira_cli.rebuild.other_stores import FORMAT, SEEN
from daira_cli.rebuild.tables import fingerprint_of
from daira_stores.postgres import Database
from daira_stores.shadow import Shadow
from daira_testing.waiting import eventually

WITHIN = 300.0
"""Seconds for a process to start and come to its lock, on a machine that has much else to do."""


def shadow_of(projection: Rebuildable) -> Shadow:
    """Where a rebuild keeps how far it is."""
    if isinstance(projection, Projection):
        return Shadow(projection.name, projection.tables, fingerprint_of(projection))
    return Shadow(projection.name, (), SEEN if isinstance(projection, Restore) else FORMAT)


@asynccontextmanager
async def halted(
    projection: Rebuildable, database: Database, prefix: str, environ: Mapping[str, str]
) -> AsyncIterator[Process]:
    """`daira rebuild` whose first step is saved, and whose second waits before it is; killed at the end of the block.

    `environ`: how it reaches the stores of its service, and `DAIRA_REBUILD_RECORDS`, by which the log has two steps.
    """
    shadow = shadow_of(projection)
    async with database.work() as work:
        await shadow.begin(work, anew=True)
    table = "cursor" if isinstance(projection, Refill) else "progress"
    lock = f"LOCK TABLE {shadow.schema}.{table} IN SHARE MODE".encode()
    words = ("-m", "daira_cli", "rebuild", projection.name, "--prefix", prefix)
    dsn = database.dsn
    async with await AsyncConnection.connect(dsn) as first, await AsyncConnection.connect(dsn) as second:
        await first.execute(lock)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env={**os.environ, **environ}, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await eventually(lambda: _wait(database, 1), within=WITHIN)
            assert process.returncode is None
            # Locks are given in the order in which they were asked for: one step, then us again.
            again = asyncio.create_task(second.execute(lock))
            await eventually(lambda: _wait(database, 2), within=WITHIN)
            await first.rollback()
            await again
            await eventually(lambda: _wait(database, 1), within=WITHIN)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _wait(database: Database, count: int) -> bool:
    async with database.read() as work:
        waiting = await work.all(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    return len(waiting) == count
