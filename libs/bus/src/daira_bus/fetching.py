"""What a broker answers to a fetch: aiokafka's connections and its parser in C, without its consumer.

The consumer makes one more object of each record, for callers that share a group, seek and pause. Who reads a range of
a log does none of that, and reads millions (decision 19).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

PARTITION_BYTES = 4 * 1024 * 1024
"""Of one partition in one answer."""
ANSWER_BYTES = 16 * 1024 * 1024
"""Of all partitions; an answer is held while the next one arrives."""
# A range has an end, so a fetch never needs to wait for records that are still to come.
WAIT_MS = 10
MIN_BYTES = 1
READ_UNCOMMITTED = 0


class LogRecord(Protocol):
    """A record as it lies in a partition; `timestamp` in milliseconds since 1970."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Answer:
    """What came of one partition, taken apart when it is asked for."""

    def __init__(self, place: TopicPartition, position: int, content: bytes) -> None:
        """`content` begins with the record at `position`, or before it: producers' batches come whole."""
        self._place, self._position = place, position
        self._batches: list[Any] = []
        self.next_offset = position
        """What is to be asked for next; no record may be there (compaction, marks of transactions)."""
        found = MemoryRecords(content)
        while found.has_next():
            batch = found.next_batch()
            self._batches.append(batch)
            self.next_offset = max(self.next_offset, batch.next_offset)

    def slices(self, size: int) -> Iterator[Sequence[LogRecord]]:
        """Its records in offset order, `size` or fewer at once. Raises CorruptRecordException."""
        held: list[LogRecord] = []
        while self._batches:
            batch = self._batches.pop(0)
            if not batch.validate_crc():
                raise CorruptRecordException(f"wrong checksum in {self._place}")
            if batch.is_control_batch:
                continue
            is_cut = batch.base_offset < self._position
            held += [one for one in batch if one.offset >= self._position] if is_cut else batch
            while len(held) >= size:
                yield held[:size]
                held = held[size:]
        if held:
            yield held


class Fetcher:
    """Fetches over the connections of a started client."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        """`client` has no topics of its own."""
        self._consumer, self._client = client, client._client

    async def know(self, topics: Sequence[str]) -> None:
        """Learn where these topics lie; once, before the first fetch."""
        await self._client.set_topics(topics)

    async def fetch(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, Answer]:
        """What lies at these offsets, of all leaders at once; a partition whose turn did not come is left out.

        Raises KafkaError, TimeoutError and OSError: also when a leader has moved, and the client is to be made anew.
        """
        asked: dict[int, dict[str, list[tuple[int, int, int]]]] = defaultdict(lambda: defaultdict(list))
        for place, offset in positions.items():
            asked[self._leader(place)][place.topic].append((place.partition, offset, PARTITION_BYTES))
        told = await asyncio.gather(*(self._ask(node, topics) for node, topics in asked.items()))
        answers: dict[TopicPartition, Answer] = {}
        for parts in told:
            for place, code, content in parts:
                answer = await self._read(place, positions[place], code, content)
                if answer.next_offset > positions[place]:
                    answers[place] = answer
        return answers

    def _leader(self, place: TopicPartition) -> int:
        leader = self._client.cluster.leader_for_partition(place)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError(f"{place} has no leader")
        return int(leader)

    async def _ask(
        self, node: int, topics: Mapping[str, list[tuple[int, int, int]]]
    ) -> list[tuple[TopicPartition, int, bytes]]:
        request = FetchRequest(WAIT_MS, MIN_BYTES, ANSWER_BYTES, READ_UNCOMMITTED, list(topics.items()))
        response = await self._client.send(node, request)
        # Of each partition: number, error code, high water mark, what depends on the version, and last the records.
        return [
            (TopicPartition(topic, number), code, rest[-1] or b"")
            for topic, partitions in response.topics
            for number, code, _, *rest in partitions
        ]

    async def _read(self, place: TopicPartition, position: int, code: int, content: bytes) -> Answer:
        error = for_code(code)
        if error is OffsetOutOfRangeError:
            # Retention took the records since the range was looked up: what is left begins later.
            begin = (await self._consumer.beginning_offsets([place]))[place]
            if begin <= position:
                raise OffsetOutOfRangeError({place: position})
            return Answer(place, begin, b"")
        if code:
            raise error(f"{place}@{position}")
        return Answer(place, position, content)
