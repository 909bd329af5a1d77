"""What a fetch of our own makes of the broker's bytes: every record of a range once, whatever lies between them."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from daira_bus.fetching import Answer
from daira_bus.log import Log, Span, open_log
from daira_devtools.stack import Endpoints

PLACE = TopicPartition("t", 0)


@pytest.fixture
async def topic(stack: Endpoints) -> AsyncIterator[str]:
    """A topic of one partition for one test."""
    name = f"fetching-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    yield name
    await admin.delete_topics([name])
    await admin.close()


async def write(stack: Endpoints, topic: str, *values: bytes, **settings: object) -> None:
    """In as few batches as the producer makes of them."""
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap, linger_ms=20, **settings) as producer:
        sent = [await producer.send(topic, value) for value in values]
        for one in sent:
            await one


async def read(log: Log, span: Span, *, batch: int = 1_000) -> list[tuple[int, bytes | None]]:
    return [(one.offset, one.value) async for found in log.read([span], batch=batch) for one in found.records]


def packed(*values: bytes, first: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 16)
    for number, value in enumerate(values):
        builder.append(number, 1, None, value, [])
    content = bytearray(builder.build())
    content[:8] = first.to_bytes(8)
    return bytes(content)


@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_a_range_inside_a_producers_batch_has_its_records_only(
    stack: Endpoints, topic: str, compression: str | None
) -> None:
    values = [b"%d" % number for number in range(50)]
    await write(stack, topic, *values, compression_type=compression)

    async with open_log(stack.kafka_bootstrap) as log:
        found = await read(log, Span(topic=topic, partition=0, start=7, end=23), batch=5)

    assert found == [(number, values[number]) for number in range(7, 23)]


async def test_marks_of_transactions_are_no_records(stack: Endpoints, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap, transactional_id=topic) as producer:
        for value in (b"a", b"b"):
            async with producer.transaction():
                await producer.send(topic, value)

    async with open_log(stack.kafka_bootstrap) as log:
        (span,) = await log.spans([topic])
        found = [one async for one in log.read([span])]

    assert span.end == 4
    assert [record.value for one in found for record in one.records] == [b"a", b"b"]


async def test_what_retention_took_since_the_range_was_looked_up_is_passed_over(stack: Endpoints, topic: str) -> None:
    await write(stack, topic, *[b"%d" % number for number in range(20)])
    async with open_log(stack.kafka_bootstrap) as log:
        (span,) = await log.spans([topic])
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=15)})
        await admin.close()

        found = await read(log, span)

    assert [offset for offset, _ in found] == [15, 16, 17, 18, 19]


async def test_more_than_one_answer_holds_is_read_in_several(stack: Endpoints, topic: str) -> None:
    values = [bytes([number]) * 900_000 for number in range(20)]
    await write(stack, topic, *values, max_request_size=1_000_000)

    async with open_log(stack.kafka_bootstrap) as log:
        (span,) = await log.spans([topic])
        found = await read(log, span, batch=3)

    assert found == list(enumerate(values))


def test_a_broken_byte_is_noticed() -> None:
    content = bytearray(packed(b"one", b"two"))
    content[-2] ^= 1

    with pytest.raises(CorruptRecordException):
        list(Answer(PLACE, 0, bytes(content)).slices(10))


def test_half_a_batch_at_the_end_is_asked_for_again() -> None:
    whole = packed(b"one", b"two", first=5)

    answer = Answer(PLACE, 5, whole + packed(b"three", first=7)[:-3])

    assert [one.offset for records in answer.slices(10) for one in records] == [5, 6]
    assert answer.next_offset == 7
