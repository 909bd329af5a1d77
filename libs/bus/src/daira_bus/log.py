"""Read a range of topics as a log: by offsets or by time, without a group, so that nobody's position moves."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import ConsumerRecord as Record
from aiokafka.errors import KafkaError

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import BrokerUnavailable
from daira_kit.clock import epoch_ms
from daira_kit.errors import NotFound
from daira_observe.logs import get_logger

__all__ = ["Batch", "Log", "Record", "Span", "UnknownTopic", "open_log", "record_of"]

logger = get_logger(__name__)
T = TypeVar("T")
Fetched = Mapping[TopicPartition, Sequence[Record]]
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
STALL_SECONDS = 30.0
BATCH_RECORDS = 5_000
FETCH_BYTES = 4 * 1024 * 1024
"""Of one partition in one answer."""
ANSWER_BYTES = 16 * 1024 * 1024
"""Of all partitions; an answer is held while the next one arrives."""
# A range has an end, so a fetch never needs to wait for records that are still to come.
FETCH_WAIT_MS = 10


class UnknownTopic(NotFound):
    """The broker has no such topic."""

    code = "unknown_topic"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets `start` (inclusive) to `end` (exclusive) of one partition; `topic` without the prefix."""

    topic: str
    partition: int
    start: int
    end: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one partition in offset order, and the offset that comes after them."""

    topic: str
    partition: int
    records: Sequence[Record]
    next_offset: int


class Log:
    """Topics of one broker; names are given and returned without `prefix`."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str = "",
        *,
        patience: float = 120.0,
        waits: Callable[[BaseException], None] | None = None,
    ) -> None:
        """`patience`: how many seconds a broker may be away before BrokerUnavailable.

        `waits` is told why, each time a lost broker is waited for.
        """
        self._bootstrap, self._prefix, self._patience, self._waits = bootstrap, prefix, patience, waits

    async def topics(self) -> dict[str, list[int]]:
        """Every topic with its partitions. Raises BrokerUnavailable."""
        async with self._connection() as client:
            return await self._all_topics(client)

    async def spans(
        self, topics: Iterable[str], *, since: datetime | None = None, from_offset: int | None = None
    ) -> list[Span]:
        """What the topics hold now, by topic and partition.

        `since` begins at the first record that is not older by its own timestamp; `from_offset` at that offset.
        Raises UnknownTopic, BrokerUnavailable.
        """
        async with self._connection() as client:
            places = self._places(await self._all_topics(client), topics)
            client.assign(places)
            begins: Mapping[TopicPartition, int] = await _answer(client.beginning_offsets(places))
            ends: Mapping[TopicPartition, int] = await _answer(client.end_offsets(places))
            starts = dict(begins)
            if since is not None:
                found = await _answer(client.offsets_for_times(dict.fromkeys(places, epoch_ms(since))))
                starts = {place: at.offset if at else ends[place] for place, at in found.items()}
            if from_offset is not None:
                starts = {place: from_offset for place in places}
            return [
                Span(
                    topic=place.topic.removeprefix(self._prefix),
                    partition=place.partition,
                    start=min(max(starts[place], begins[place]), ends[place]),
                    end=ends[place],
                )
                for place in places
            ]

    async def read(
        self, spans: Iterable[Span], *, in_turn: bool = False, batch: int = BATCH_RECORDS
    ) -> AsyncGenerator[Batch]:
        """Everything in `spans`, in offset order within a partition; `in_turn` finishes a span before the next.

        `batch`: at most so many records at once.

        A broker that restarts is waited for and reading goes on where it was. Raises BrokerUnavailable after
        `patience` seconds without it.
        """
        wanted = [span for span in spans if span.start < span.end]
        groups = [[span] for span in wanted] if in_turn else [wanted]
        reader = _Reader(self._bootstrap, self._prefix, self._patience, self._waits)
        try:
            for group in groups:
                async for found in reader.batches(group, batch):
                    yield found
        finally:
            await reader.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            client = await _connect(self._bootstrap)
            try:
                yield client
            finally:
                await _close(client)
        except (KafkaError, TimeoutError, OSError) as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error

    async def _all_topics(self, client: AIOKafkaConsumer) -> dict[str, list[int]]:
        # The metadata of everything: asking for one name would create it on a broker that does so by itself.
        cluster = await _answer(client._client.fetch_all_metadata())
        return {
            name.removeprefix(self._prefix): sorted(cluster.partitions_for_topic(name) or ())
            for name in sorted(cluster.topics())
            if name.startswith(self._prefix)
        }

    def _places(self, known: Mapping[str, Sequence[int]], topics: Iterable[str]) -> list[TopicPartition]:
        wanted = list(dict.fromkeys(topics))
        missing = [topic for topic in wanted if topic not in known]
        if missing:
            raise UnknownTopic(f"the broker at {self._bootstrap} has no topic {', '.join(missing)}")
        return [TopicPartition(self._prefix + topic, number) for topic in wanted for number in known[topic]]


class _Reader:
    """One client at a time, thrown away and rebuilt when the broker is lost."""

    def __init__(
        self, bootstrap: str, prefix: str, patience: float, waits: Callable[[BaseException], None] | None
    ) -> None:
        self._bootstrap, self._prefix, self._patience, self._waits = bootstrap, prefix, patience, waits
        self._client: AIOKafkaConsumer | None = None
        self._asked: asyncio.Task[Fetched] | None = None
        self._heard = 0.0

    async def batches(self, spans: Sequence[Span], size: int) -> AsyncGenerator[Batch]:
        positions = {TopicPartition(self._prefix + span.topic, span.partition): span.start for span in spans}
        ends = {TopicPartition(self._prefix + span.topic, span.partition): span.end for span in spans}
        self._heard = time.monotonic()
        while positions:
            try:
                client = await self._assigned(positions)
                async for batch in self._fetch(client, positions, ends, size):
                    yield batch
            except (KafkaError, TimeoutError, OSError) as error:
                await self._wait(error)
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                await self._wait(error)  # a lost connection cancels the client's own tasks, and we waited for one

    async def close(self) -> None:
        await self._ask_no_more()
        client, self._client = self._client, None
        if client is not None:
            await _close(client)

    async def _assigned(self, positions: Mapping[TopicPartition, int]) -> AIOKafkaConsumer:
        await self._ask_no_more()
        if self._client is None:
            self._client = await _connect(self._bootstrap)
        self._client.assign(list(positions))
        for place, offset in positions.items():
            self._client.seek(place, offset)
        return self._client

    async def _fetch(
        self,
        client: AIOKafkaConsumer,
        positions: dict[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        size: int,
    ) -> AsyncGenerator[Batch]:
        moved = time.monotonic()
        while positions:
            fetched = await self._ask_ahead(client, positions, ends)
            for place in [place for place in positions if place in fetched]:
                for records in _slices(fetched[place], size):
                    yield self._take(place, records, positions, ends[place])
                    moved = self._heard = time.monotonic()
                    if positions[place] == ends[place]:
                        break
                    await asyncio.sleep(0)  # one who works through batches without waiting must not keep the next away
            for place in [place for place in positions if positions[place] == ends[place]]:
                del positions[place]
            if time.monotonic() - moved > STALL_SECONDS:
                raise TimeoutError(f"nothing came for {STALL_SECONDS:.0f} s")

    async def _ask_ahead(
        self, client: AIOKafkaConsumer, positions: dict[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> Fetched:
        """Everything that has come, while the broker is already asked for what follows it."""
        asked = self._asked or asyncio.create_task(_fetched(client))
        self._asked = None
        fetched = await asked
        more = False
        for place in list(positions):
            passed = await _answer(client.position(place))
            more = more or passed < ends[place]
            if place not in fetched and passed >= ends[place]:
                # Where the last offsets hold no record (compaction, transactions) the position passes them alone.
                del positions[place]
        if more:
            self._asked = asyncio.create_task(_fetched(client))
            await asyncio.sleep(0)
        return fetched

    async def _ask_no_more(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
            await asyncio.wait([asked])

    def _take(
        self, place: TopicPartition, records: Sequence[Record], positions: dict[TopicPartition, int], end: int
    ) -> Batch:
        if records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
            positions[place] = end
        else:
            positions[place] = records[-1].offset + 1
        return Batch(
            topic=place.topic.removeprefix(self._prefix),
            partition=place.partition,
            records=records,
            next_offset=positions[place],
        )

    async def _wait(self, error: BaseException) -> None:
        logger.warning("log_waits", error=repr(error))
        if time.monotonic() - self._heard > self._patience:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} is away: {error!r}") from error
        if self._waits is not None:
            self._waits(error)
        await self.close()
        await asyncio.sleep(0.5)


@asynccontextmanager
async def open_log(
    bootstrap: str, prefix: str = "", *, patience: float = 120.0, waits: Callable[[BaseException], None] | None = None
) -> AsyncIterator[Log]:
    """A log; see `Log`. Nothing is connected before the first question."""
    yield Log(bootstrap, prefix, patience=patience, waits=waits)


def record_of(
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    *,
    partition: int = 0,
    offset: int = 0,
    timestamp: int = 0,
) -> Record:
    """A record that did not come from a broker; `timestamp` in milliseconds since 1970."""
    return Record(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=tuple(headers),
    )


async def _connect(bootstrap: str) -> AIOKafkaConsumer:
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=ANSWER_BYTES,
        request_timeout_ms=15_000,
        retry_backoff_ms=100,
    )
    try:
        await asyncio.wait_for(client.start(), CONNECT_SECONDS)
    except BaseException:
        await _close(client)
        raise
    return client


async def _close(client: AIOKafkaConsumer) -> None:
    try:
        await asyncio.wait_for(client.stop(), 5)
    except (KafkaError, TimeoutError, OSError) as error:
        logger.debug("log_client_not_stopped", error=repr(error))
    except asyncio.CancelledError:
        if is_cancelled():
            raise  # else it was one of the client's own tasks that was cancelled


async def _fetched(client: AIOKafkaConsumer) -> Fetched:
    # All that is buffered: the client asks the broker for more only when it holds nothing.
    found: Fetched = await _answer(client.getmany(timeout_ms=200))
    return found


def _slices(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    return (records[at : at + size] for at in range(0, len(records), size))


async def _answer(question: Awaitable[T]) -> T:
    # Not wait_for, which before Python 3.12 loses a cancellation that meets an answer.
    async with asyncio.timeout(ANSWER_SECONDS):
        return await question
