"""One worker per assigned partition: in order inside, independent of each other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing

from aiokafka import ConsumerRecord, TopicPartition

from daira_kit.clock import epoch_ms, now
from daira_observe.metrics import CONSUMER_AGE

PAUSE_ABOVE = 500
RESUME_BELOW = 100
AT_ONCE = 500
"""Records of a partition that one transaction holds at most."""
STOP_SECONDS = 5.0
Handle = Callable[[Sequence[ConsumerRecord]], AsyncGenerator[ConsumerRecord]]
"""Yields after each step its last record: everything up to it is done."""


class PartitionWorker:
    """Holds the backlog of one partition and the offset up to which everything is done."""

    def __init__(self, partition: TopicPartition, handle: Handle, at_once: int = 1) -> None:
        """`handle` gets at most `at_once` records."""
        self.partition = partition
        self.done_offset: int | None = None
        self.committed_offset: int | None = None
        self._handle, self._at_once = handle, at_once
        self._queue: asyncio.Queue[ConsumerRecord] = asyncio.Queue()
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=f"partition {partition.topic}[{partition.partition}]")

    @property
    def backlog(self) -> int:
        """Records polled and not yet begun."""
        return self._queue.qsize()

    @property
    def failure(self) -> BaseException | None:
        """Why the worker died, if it did; a cancellation that nobody asked for counts."""
        if not self._task.done():
            return None
        if self._task.cancelled():
            return None if self._stopping else asyncio.CancelledError()
        return self._task.exception()

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Records in offset order."""
        for record in records:
            self._queue.put_nowait(record)

    async def stop(self) -> None:
        """Finish the step in hand within STOP_SECONDS, drop the rest: another member will read them."""
        self._stopping = True
        while not self._queue.empty():
            self._queue.get_nowait()
        _done, pending = await asyncio.wait([self._task], timeout=STOP_SECONDS if self._busy else 0)
        if pending:
            self._task.cancel()
            await asyncio.wait([self._task])  # however it ends: a rebalance waits for this

    _busy = False

    async def _run(self) -> None:
        while not self._stopping:
            records = await self._next()
            age = (epoch_ms(now()) - records[0].timestamp) / 1000
            CONSUMER_AGE.labels(records[0].topic, str(records[0].partition)).set(max(age, 0))
            self._busy = True
            await self._take(records)
            self._busy = False

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        async with aclosing(self._handle(records)) as steps:
            async for last in steps:
                self.done_offset = last.offset + 1
                if self._stopping:
                    return

    async def _next(self) -> list[ConsumerRecord]:
        records = [await self._queue.get()]
        while len(records) < self._at_once and not self._queue.empty():
            records.append(self._queue.get_nowait())
        return records
