"""What Redis and Cassandra hold, made anew in place: every write may be repeated, and a cursor says how far it is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from daira_bus.log import Log, Span
from daira_bus.projection import Page, Refill, Restore
from daira_cli.errors import Partial
from daira_cli.rebuild.reading import batches, readable, remaining
from daira_cli.rebuild.report import Report
from daira_contracts._event import Event
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.shadow import Shadow
from daira_stores.transient import is_transient
from daira_stores.work import Work

logger = get_logger(__name__)
FORMAT = "1"
SEEN = "2"
"""The format of a restore's own notes: with the ids that it saw."""
WAITS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)
"""Seconds between tries."""
Advance = Callable[[int], None]


class RefillRebuild:
    """Page by page from the service's own tables."""

    def __init__(self, refill: Refill, database: Database, target: Any, report: Report) -> None:
        self._refill, self._database, self._target, self.report = refill, database, target, report
        self._shadow = Shadow(refill.name, (), FORMAT)

    async def begin(self, *, anew: bool) -> int:
        """How many there are to see."""
        if not self.report.dry:
            async with self._database.work() as work:
                self.report.resumed = await self._shadow.begin(work, anew=anew)
        return await self._refill.count(self._target)

    async def run(self, advance: Advance) -> None:
        """Until the last page."""
        after = await self._begin_after()
        while True:
            page = await self._page(after)
            self.report.seen += page.seen
            self.report.added += page.written
            self.report.removed += page.removed
            advance(page.seen)
            after = page.after
            if after is None:
                break
            if not self.report.dry:
                async with self._database.work() as work:
                    await self._shadow.put_cursor(work, after)
        await self.drop()

    async def drop(self) -> None:
        """Forget how far it was; a dry run leaves that as it found it."""
        if not self.report.dry:
            async with self._database.work() as work:
                await self._shadow.drop(work)

    async def _page(self, after: str | None) -> Page:
        """A store that is slow or away is waited for; every step may be repeated."""
        for wait in WAITS:
            try:
                return await self._refill.step(self._target, after, self.report.dry)
            except Exception as error:  # house-skip: broad-except what passes by itself is known by is_transient only
                if not is_transient(error):
                    raise
                logger.warning("refill_waits", projection=self._refill.name, error=repr(error), wait_s=wait)
            await asyncio.sleep(wait)
        raise Partial(
            f"{self._refill.name}: its store does not answer", then="the same command goes on where this one stopped"
        )

    async def _begin_after(self) -> str | None:
        if self.report.dry:
            return None
        async with self._database.read() as work:
            return await self._shadow.cursor(work)


class RestoreRebuild:
    """Batch by batch from a topic of facts. A dry run compares all of it, however far an interrupted one came."""

    def __init__(self, restore: Restore, database: Database, target: Any, log: Log, report: Report) -> None:
        self._restore, self._database, self._target, self._log = restore, database, target, log
        self.report = report
        # What a dry run saw was not written: it keeps notes of its own.
        name = f"{restore.name}.dry" if report.dry else restore.name
        self._shadow = Shadow(name, (), SEEN)

    async def begin(self, *, anew: bool) -> int:
        """How many offsets are to be read."""
        async with self._database.work() as work:
            self.report.resumed = await self._shadow.begin(work, anew=anew or self.report.dry)
        return sum(span.end - span.start for span in await self._remaining())

    async def run(self, advance: Advance) -> None:
        """Up to where the topic ends now: what comes later its live handler puts there."""
        async for batch in batches(self._log, await self._remaining()):
            found = readable(batch, self._restore.event_type, self.report)
            events = [event for _, event in found if event is not None]
            async with self._database.work() as work:
                await self._take(work, await self._first_times(work, events))
                await self._shadow.put_progress(work, batch.topic, batch.partition, batch.next_offset)
            advance(len(batch.records))
        await self.drop()

    async def drop(self) -> None:
        """Forget how far it was."""
        async with self._database.work() as work:
            await self._shadow.drop(work)

    async def _take(self, work: Work, events: Sequence[Event]) -> None:
        if not events:
            return
        if self.report.dry:
            gap = await self._restore.compare(work, self._target, events)
            self.report.added += gap.missing
            self.report.changed += gap.differing
        else:
            await self._restore.put(work, self._target, events)
            self.report.added += len(events)

    async def _first_times(self, work: Work, events: Sequence[Event]) -> list[Event]:
        """The same person may have told an event twice with different moments: live, the inbox lets the first pass."""
        firsts: dict[UUID, Event] = {}
        if not events:
            return []
        for event in events:
            firsts.setdefault(event.event_id, event)
        fresh = await self._shadow.first_times(work, firsts)
        return [event for event_id, event in firsts.items() if event_id in fresh]

    async def _remaining(self) -> list[Span]:
        async with self._database.read() as work:
            progress = await self._shadow.progress(work)
        return await remaining(self._log, [self._restore.event_type.topic], progress)
