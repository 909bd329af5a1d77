"""The consumer loop: poll → one worker per partition → commit what is done. Acknowledging is its visible last step."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from daira_bus.batching import BatchHandler
from daira_bus.cancelling import is_cancelled
from daira_bus.dlq import DeadLetters
from daira_bus.errors import TooManyDead
from daira_bus.partitions import AT_ONCE, PAUSE_ABOVE, RESUME_BELOW, PartitionWorker
from daira_bus.producer import Producer
from daira_bus.subscription import Subscription
from daira_observe.logs import get_logger
from daira_observe.metrics import CONSUMER_REBUILDS
from daira_stores.postgres import Database

logger = get_logger(__name__)
COMMIT_SECONDS = 1.0
WATCH_SECONDS = 5.0
STUCK_SECONDS = 30.0
ANSWER_SECONDS = 20.0
SILENT_SECONDS = 90.0
"""How long the broker may leave the watch's own questions unanswered."""


class _Stuck(Exception):
    pass


class Consumer(ConsumerRebalanceListener):
    """All subscriptions of one service in one consumer group named after it."""

    def __init__(
        self,
        *,
        service: str,
        bootstrap: str,
        subscriptions: Sequence[Subscription],
        target: object,
        database: Database,
        producer: Producer,
        prefix: str = "",
        group: str | None = None,
        session_seconds: float = 15.0,
    ) -> None:
        """`group` defaults to `daira.<service>`; `prefix` comes before topic and group names.

        `session_seconds`: so long the broker waits for a process that died before others get its partitions.
        """
        self._bootstrap, self._session_ms = bootstrap, int(session_seconds * 1_000)
        self._group = f"{prefix}{group or f'daira.{service}'}"
        by_topic = {prefix + subscription.topic: subscription for subscription in subscriptions}
        self._topics = sorted(by_topic)
        self._handler = BatchHandler(by_topic, target, database, DeadLetters(producer, service, prefix))
        self._workers: dict[TopicPartition, PartitionWorker] = {}
        self._client: AIOKafkaConsumer | None = None
        self.last_poll = 0.0
        """Monotonic time of the last answered poll; liveness looks at it."""
        self.failure: str | None = None
        """Why the consumer stopped for good; readiness shows it."""
        self.joined = asyncio.Event()
        """Set once partitions were assigned."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until too many records died. A lost broker or a stuck client is waited out and rebuilt."""
        while not stop.is_set() and self._topics:
            try:
                await self._consume(stop)
            except TooManyDead as error:
                self.failure = f"stopped: {error}"
                logger.exception("consumer_stopped")
                return
            except (KafkaError, TimeoutError, OSError, _Stuck, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                # Also cancelled by nobody: aiokafka lets its own cancellations out when a session expires.
                CONSUMER_REBUILDS.inc()
                logger.warning("consumer_rebuilt", error=repr(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1)

    async def _consume(self, stop: asyncio.Event) -> None:
        self._client = client = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=f"{socket.gethostname()}-{os.getpid()}",  # whom an operator finds behind a group
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=120_000,
            rebalance_timeout_ms=15_000,
            request_timeout_ms=15_000,
            retry_backoff_ms=200,
        )
        client.subscribe(self._topics, listener=self)
        tasks: list[asyncio.Task[None]] = []
        try:
            await asyncio.wait_for(client.start(), 30)
            # Two tasks: a poll that hangs must not hide what the watch finds.
            tasks = [asyncio.create_task(self._poll(client, stop)), asyncio.create_task(self._watch(client))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            try:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._stop_workers(list(self._workers))
            finally:
                # Also when the time to drain ran out: a member that does not leave holds its partitions till its
                # session expires, and whoever comes next waits for it.
                self._client = None
                with suppress(KafkaError, TimeoutError, OSError):
                    await asyncio.wait_for(client.stop(), 10)

    async def _poll(self, client: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        next_commit = 0.0
        self.last_poll = time.monotonic()
        while not stop.is_set():
            batches = await client.getmany(timeout_ms=100, max_records=PAUSE_ABOVE)
            self.last_poll = time.monotonic()
            for partition, records in batches.items():
                worker = self._workers.get(partition)
                if worker is not None:
                    worker.add(records)
            self._balance(client)
            self._raise_failures()
            if time.monotonic() >= next_commit:
                await self._commit(client, list(self._workers))
                next_commit = time.monotonic() + COMMIT_SECONDS

    def _balance(self, client: AIOKafkaConsumer) -> None:
        # A partition that waits for a dependency must not stop the poll, which keeps the group membership alive.
        paused = client.paused()
        assigned = client.assignment()
        for partition, worker in self._workers.items():
            if partition not in assigned:
                continue
            if worker.backlog >= PAUSE_ABOVE and partition not in paused:
                client.pause(partition)
            elif worker.backlog < RESUME_BELOW and partition in paused:
                client.resume(partition)

    def _raise_failures(self) -> None:
        for worker in self._workers.values():
            if worker.failure is not None:
                raise worker.failure

    async def _commit(self, client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        offsets = {}
        workers = {partition: self._workers[partition] for partition in partitions if partition in self._workers}
        for partition, worker in workers.items():
            if worker.done_offset is not None and worker.done_offset != worker.committed_offset:
                offsets[partition] = worker.done_offset
        if not offsets:
            return
        try:
            await asyncio.wait_for(client.commit(offsets), 5)
        except (KafkaError, TimeoutError) as error:
            # Not lost: the offsets are committed next time, or the records are read again and found in the inbox.
            logger.warning("commit_failed", error=repr(error))
            return
        for partition, offset in offsets.items():  # of these workers: a rebalance may have put others in their place
            workers[partition].committed_offset = offset

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Finish what is in hand and commit it before another member begins."""
        await self._stop_workers([partition for partition in revoked if partition in self._workers])

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Begin with the new partitions."""
        for partition in assigned:
            if partition not in self._workers:
                at_once = AT_ONCE if self._handler.takes_many(partition.topic) else 1
                self._workers[partition] = PartitionWorker(partition, self._handler.handle, at_once)
        self.joined.set()

    async def _stop_workers(self, partitions: Sequence[TopicPartition]) -> None:
        # Twice at once when a consumer ends in the middle of a rebalance.
        workers = [self._workers[partition] for partition in partitions if partition in self._workers]
        await asyncio.gather(*(worker.stop() for worker in workers))
        if self._client is not None and partitions:
            await self._commit(self._client, partitions)
        for partition in partitions:
            self._workers.pop(partition, None)

    async def _watch(self, client: AIOKafkaConsumer) -> None:
        """Raises _Stuck when for STUCK_SECONDS no poll came back, or records wait that nothing polls or works on."""
        quiet_since: dict[TopicPartition, tuple[int, float]] = {}
        answered = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if time.monotonic() - self.last_poll > STUCK_SECONDS:
                raise _Stuck("the poll does not come back")
            try:
                places = await asyncio.wait_for(_places(client), ANSWER_SECONDS)
            except (KafkaError, TimeoutError) as error:
                # A slow broker is waited for by the client itself. Built again it would be a new member of the group,
                # and its partitions would wait until the old one's session has expired.
                if time.monotonic() - answered > SILENT_SECONDS:
                    raise _Stuck("the broker does not say how far its partitions are") from error
                continue
            answered = time.monotonic()
            self._judge(places, quiet_since, answered)

    def _judge(
        self,
        places: Mapping[TopicPartition, tuple[int, int]],
        quiet_since: dict[TopicPartition, tuple[int, float]],
        clock: float,
    ) -> None:
        for partition, (position, end) in places.items():
            worker = self._workers.get(partition)
            known = quiet_since.get(partition)
            if position >= end or (worker and worker.backlog) or known is None or known[0] != position:
                quiet_since[partition] = (position, clock)
            elif clock - known[1] > STUCK_SECONDS:
                raise _Stuck(f"{partition} at {position} of {end}")


async def _places(client: AIOKafkaConsumer) -> dict[TopicPartition, tuple[int, int]]:
    """Position and end of each partition that is read."""
    assignment = [partition for partition in client.assignment() if partition not in client.paused()]
    ends = await client.end_offsets(assignment) if assignment else {}
    return {partition: (await client.position(partition), end) for partition, end in ends.items()}
