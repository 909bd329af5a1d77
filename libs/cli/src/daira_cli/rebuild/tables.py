"""A projection's tables, made anew beside the live ones and brought over in one transaction."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from psycopg.errors import DeadlockDetected, LockNotAvailable

from daira_bus.errors import BrokerUnavailable
from daira_bus.log import Batch, Log
from daira_bus.projection import Projection
from daira_cli.errors import Partial
from daira_cli.rebuild.reading import batches, folded, put, remaining
from daira_cli.rebuild.report import Report
from daira_stores.failures import DatabaseUnavailable
from daira_stores.postgres import Database
from daira_stores.shadow import Difference, Shadow
from daira_stores.work import Work

LOCK_SECONDS = 3.0
"""How long live handlers may queue behind us while we wait for the one in front."""
SWAP_TRIES = 20
NEAR = 1_000
"""Records behind the log's end from which the swap may begin."""
Advance = Callable[[int], None]


class TableRebuild:
    """One projection on one database. `swap_log` is a log with little patience: it is read while handlers wait."""

    def __init__(
        self, projection: Projection, database: Database, target: Any, log: Log, swap_log: Log, report: Report
    ) -> None:
        self._projection, self._database, self._target = projection, database, target
        self._log, self._swap_log, self.report = log, swap_log, report
        self._sources = {source.topic: source for source in projection.sources}
        self._shadow = Shadow(projection.name, projection.tables, fingerprint_of(projection))

    async def begin(self, *, anew: bool) -> int:
        """Make or find the copy; returns how many offsets are to be read."""
        async with self._database.work() as work:
            self.report.resumed = await self._shadow.begin(work, anew=anew)
        return sum(span.end - span.start for span in await self._remaining())

    async def run(self, advance: Advance) -> None:
        """Read up to the end, then swap; or compare only, when the report says that it is dry."""
        await self.read(advance)
        await self._swap_when_free()

    async def read(self, advance: Advance) -> None:
        """Until so little is left that the swap may read it while handlers wait."""
        spans = await self._remaining()
        while True:
            async for batch in batches(self._log, spans):
                await self._take(batch)
                advance(len(batch.records))
            spans = await self._remaining()
            if sum(span.end - span.start for span in spans) <= NEAR:
                return

    async def drop(self) -> None:
        """Nothing is left of the copy."""
        async with self._database.work() as work:
            await self._shadow.drop(work)

    async def _take(self, batch: Batch) -> None:
        source = self._sources[batch.topic]
        found = folded(batch, source.event_type, self.report)
        async with self._database.work() as work:
            await self._shadow.enter(work)
            await put(work, source, found)
            await self._shadow.put_progress(work, batch.topic, batch.partition, batch.next_offset)

    async def _swap_when_free(self) -> None:
        for tries in range(1, SWAP_TRIES + 1):
            read = self.report.records
            try:
                await self._swap()
            except (DatabaseUnavailable, BrokerUnavailable) as error:
                self.report.records = read
                busy = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
                if not busy and isinstance(error, DatabaseUnavailable):
                    raise
                if tries == SWAP_TRIES:
                    raise Partial(
                        f"{self._projection.name}: {'its tables are never free' if busy else error.detail}",
                        then="the same command goes on where this one stopped",
                    ) from error
                await asyncio.sleep(min(tries, 5) / 2)
            else:
                return

    async def _swap(self) -> None:
        shadow, report = self._shadow, self.report
        async with self._database.work() as work:
            started = time.perf_counter()
            if not report.dry:
                locks = self._projection.locks or [table.name for table in self._projection.tables]
                await shadow.lock_live(work, locks, LOCK_SECONDS)
                started = time.perf_counter()
            await shadow.enter(work)
            await self._read_tail(work)
            if self._projection.derive is not None:
                await self._projection.derive(work)
            await shadow.leave(work)
            found = await shadow.compare(work)
            self._count(found)
            if not report.dry:
                await self._bring_over(work, found)
                await shadow.drop(work)
        if not report.dry:
            report.locked_ms = round((time.perf_counter() - started) * 1000, 1)

    async def _read_tail(self, work: Work) -> None:
        # From here on no handler takes anything in: what the log holds now is all that the live tables can hold.
        spans = await remaining(self._swap_log, list(self._sources), await self._shadow.progress(work))
        async for batch in batches(self._swap_log, spans):
            source = self._sources[batch.topic]
            await put(work, source, folded(batch, source.event_type, self.report))
            if self.report.dry:
                await self._shadow.put_progress(work, batch.topic, batch.partition, batch.next_offset)

    async def _bring_over(self, work: Work, found: dict[str, Difference]) -> None:
        changes = {table: difference.keys for table, difference in found.items()}
        async with AsyncExitStack() as stack:
            if self._projection.react is not None and any(changes.values()):
                await stack.enter_async_context(self._projection.react(work, self._target, changes))
            await self._shadow.bring_over(work)

    async def _remaining(self) -> list[Any]:
        async with self._database.read() as work:
            progress = await self._shadow.progress(work)
        return await remaining(self._log, list(self._sources), progress)

    def _count(self, found: dict[str, Difference]) -> None:
        report = self.report
        report.added = sum(one.added for one in found.values())
        report.changed = sum(one.changed for one in found.values())
        report.removed = sum(one.removed for one in found.values())


def fingerprint_of(projection: Projection) -> str:
    """Changes when a copy begun before the change is of no use after it."""
    return repr((projection.tables, [source.topic for source in projection.sources]))
