"""Read a range of topics as a log: by offsets or by time, without a group, so that nobody's position moves."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import ConsumerRecord as Record
from aiokafka.errors import KafkaError

from daira_bus.errors import BrokerUnavailable
from daira_bus.fetching import LogRecord
from daira_bus.reading import Batch, Reader, Span, answered, closed, connected
from daira_kit.clock import epoch_ms
from daira_kit.errors import NotFound

__all__ = ["Batch", "Log", "LogRecord", "Record", "Span", "UnknownTopic", "open_log", "record_of"]

BATCH_RECORDS = 5_000


class UnknownTopic(NotFound):
    """The broker has no such topic."""

    code = "unknown_topic"


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
            begins: Mapping[TopicPartition, int] = await answered(client.beginning_offsets(places))
            ends: Mapping[TopicPartition, int] = await answered(client.end_offsets(places))
            starts = dict(begins)
            if since is not None:
                found = await answered(client.offsets_for_times(dict.fromkeys(places, epoch_ms(since))))
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
        reader = Reader(self._bootstrap, self._prefix, self._patience, self._waits)
        try:
            for group in groups:
                async for found in reader.batches(group, batch):
                    yield found
        finally:
            await reader.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            client = await connected(self._bootstrap)
            try:
                yield client
            finally:
                await closed(client)
        except (KafkaError, TimeoutError, OSError) as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error

    async def _all_topics(self, client: AIOKafkaConsumer) -> dict[str, list[int]]:
        # The metadata of everything: asking for one name would create it on a broker that does so by itself.
        cluster = await answered(client._client.fetch_all_metadata())
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
