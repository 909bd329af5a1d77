"""Workers of partitions at the moments when a rebalance takes their partition away."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from daira_bus import partitions
from daira_bus.batching import BatchHandler
from daira_bus.consumer import Consumer
from daira_bus.dlq import DeadLetters
from daira_bus.handling import RecordHandler
from daira_bus.partitions import PartitionWorker
from daira_bus.producer import Producer
from daira_bus.subscription import on
from daira_contracts.user import SettingsChangedV1
from daira_kit.errors import Unavailable
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.delivery import RECORD_EFFECT, change
from daira_testing.fixtures import MakeDatabase
from daira_testing.waiting import eventually

PARTITION = TopicPartition(SettingsChangedV1.topic, 0)


class Stubborn:
    """Answers a cancellation with a failure of its own, as a driver whose server is gone does."""

    def __init__(self) -> None:
        self.begun = 0


async def hold_on(_event: SettingsChangedV1, _work: Work, stubborn: Stubborn) -> None:
    stubborn.begun += 1
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError as ended:
        raise Unavailable("the server is gone") from ended


class CutOff:
    """Its client cancels it the first time, as aiokafka does when a session expires."""

    def __init__(self) -> None:
        self.tries = 0


async def be_cut_off(_event: SettingsChangedV1, _work: Work, cut_off: CutOff) -> None:
    cut_off.tries += 1
    if cut_off.tries == 1:
        raise asyncio.CancelledError


class OutrunCommit(AIOKafkaConsumer):  # type: ignore[misc]
    """A client whose commit is answered after the partitions went to somebody else."""

    def __init__(self) -> None:
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.offsets: list[Mapping[TopicPartition, int]] = []

    def __del__(self) -> None:
        """Nothing was opened."""

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets.append(offsets)
        if len(self.offsets) == 1:
            self.asked.set()
            await self.answer.wait()


async def test_a_worker_ends_although_its_driver_answers_a_cancellation_with_an_error(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "STOP_SECONDS", 0.05)
    database, stubborn, producer = await make_database(), Stubborn(), Producer("127.0.0.1:1", "feed")
    subscriptions = {PARTITION.topic: on(SettingsChangedV1, hold_on)}
    handler = BatchHandler(subscriptions, stubborn, database, DeadLetters(producer, "feed"))
    worker = PartitionWorker(PARTITION, handler.handle)
    worker.add([record()])
    await eventually(lambda: _has_begun(stubborn))

    await asyncio.wait_for(worker.stop(), 10)

    assert (stubborn.begun, worker.done_offset) == (1, None)


async def test_a_record_whose_handler_was_cancelled_by_nobody_is_tried_again(make_database: MakeDatabase) -> None:
    database, cut_off, producer = await make_database(), CutOff(), Producer("127.0.0.1:1", "feed")
    subscriptions = {PARTITION.topic: on(SettingsChangedV1, be_cut_off)}
    handler = RecordHandler(subscriptions, cut_off, database, DeadLetters(producer, "feed"))

    outcome = await asyncio.wait_for(handler.handle(record()), 30)

    assert (outcome, cut_off.tries) == ("handled", 2)


async def test_a_worker_that_nobody_cancelled_and_that_ended_is_told_from_one_that_was_stopped() -> None:
    async def end(records: Sequence[ConsumerRecord]) -> AsyncGenerator[ConsumerRecord]:
        yield records[0]
        raise asyncio.CancelledError

    worker, stopped = PartitionWorker(PARTITION, end), PartitionWorker(PARTITION, end)
    worker.add([record()])
    await eventually(lambda: _has_failed(worker))
    await stopped.stop()

    assert isinstance(worker.failure, asyncio.CancelledError)
    assert stopped.failure is None


async def test_a_commit_that_a_rebalance_overtakes_leaves_the_consumer_alive(make_database: MakeDatabase) -> None:
    client, consumer = OutrunCommit(), await _consumer(await make_database())
    await consumer.on_partitions_assigned([PARTITION])
    worker = consumer._workers[PARTITION]
    worker.done_offset = 7
    committing = asyncio.create_task(consumer._commit(client, [PARTITION]))
    await client.asked.wait()

    await consumer.on_partitions_revoked([PARTITION])
    client.answer.set()
    await committing

    assert (client.offsets, worker.committed_offset) == ([{PARTITION: 7}], 7)


async def test_a_consumer_that_ends_during_a_rebalance_stops_each_worker_once(make_database: MakeDatabase) -> None:
    client, consumer = OutrunCommit(), await _consumer(await make_database())
    await consumer.on_partitions_assigned([PARTITION])
    consumer._client, consumer._workers[PARTITION].done_offset = client, 7
    ending = asyncio.create_task(consumer._stop_workers([PARTITION]))
    await client.asked.wait()

    await consumer.on_partitions_revoked([PARTITION])
    client.answer.set()
    await ending
    await consumer.on_partitions_revoked([PARTITION])

    assert consumer._workers == {}


def record() -> ConsumerRecord[bytes, bytes]:
    event = change()
    value, key = msgspec.json.encode(event), event.key_text().encode()
    return ConsumerRecord(PARTITION.topic, 0, 0, 0, 0, key, value, None, len(key), len(value), ())


async def _consumer(database: Database) -> Consumer:
    producer = Producer("127.0.0.1:1", "feed")
    return Consumer(
        service="feed",
        bootstrap="127.0.0.1:1",
        subscriptions=[RECORD_EFFECT],
        target=None,
        database=database,
        producer=producer,
    )


async def _has_failed(worker: PartitionWorker) -> bool:
    return worker.failure is not None


async def _has_begun(stubborn: Stubborn) -> bool:
    return stubborn.begun > 0
