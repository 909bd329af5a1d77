"""Goes through ranges of a log with one client at a time, thrown away and rebuilt when the broker is lost."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import BrokerUnavailable
from daira_bus.fetching import Answer, Fetcher, LogRecord
from daira_observe.logs import get_logger

logger = get_logger(__name__)
T = TypeVar("T")
Positions = dict[TopicPartition, int]
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
STALL_SECONDS = 30.0


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
    records: Sequence[LogRecord]
    next_offset: int


class Reader:
    """Batches of the topics of one broker; see `Log` for what it is made of."""

    def __init__(
        self, bootstrap: str, prefix: str, patience: float, waits: Callable[[BaseException], None] | None
    ) -> None:
        self._bootstrap, self._prefix, self._patience, self._waits = bootstrap, prefix, patience, waits
        self._client: AIOKafkaConsumer | None = None
        self._asked: asyncio.Task[dict[TopicPartition, Answer]] | None = None
        self._heard = 0.0

    async def batches(self, spans: Sequence[Span], size: int) -> AsyncGenerator[Batch]:
        """All of `spans`, `size` records or fewer at once. Raises BrokerUnavailable."""
        positions = {self._place(span): span.start for span in spans}
        ends = {self._place(span): span.end for span in spans}
        self._heard = time.monotonic()
        while positions:
            try:
                fetcher = await self._fetcher({place.topic for place in positions})
                async for batch in self._read(fetcher, positions, ends, size):
                    yield batch
            except (KafkaError, TimeoutError, OSError) as error:
                await self._wait(error)
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                await self._wait(error)  # a lost connection cancels the client's own tasks, and we waited for one

    async def close(self) -> None:
        """Let go of the broker."""
        await self._ask_no_more()
        client, self._client = self._client, None
        if client is not None:
            await closed(client)

    def _place(self, span: Span) -> TopicPartition:
        return TopicPartition(self._prefix + span.topic, span.partition)

    async def _fetcher(self, topics: set[str]) -> Fetcher:
        await self._ask_no_more()
        if self._client is None:
            self._client = await connected(self._bootstrap)
        fetcher = Fetcher(self._client)
        await answered(fetcher.know(sorted(topics)))
        return fetcher

    async def _read(self, fetcher: Fetcher, positions: Positions, ends: Positions, size: int) -> AsyncGenerator[Batch]:
        moved = time.monotonic()
        while positions:
            for place, answer in (await self._ask_ahead(fetcher, positions, ends)).items():
                for records in answer.slices(size):
                    yield self._take(place, records, positions, ends[place])
                    if positions[place] == ends[place]:
                        break
                    await asyncio.sleep(0)  # one who works through batches without waiting must not keep the next away
                # Where no record is (compaction, marks of transactions) the position passes alone.
                positions[place] = min(answer.next_offset, ends[place])
                if positions[place] == ends[place]:
                    del positions[place]
                moved = self._heard = time.monotonic()
            if time.monotonic() - moved > STALL_SECONDS:
                raise TimeoutError(f"nothing came for {STALL_SECONDS:.0f} s")

    async def _ask_ahead(self, fetcher: Fetcher, positions: Positions, ends: Positions) -> dict[TopicPartition, Answer]:
        """What has come, while the broker is already asked for what follows it."""
        asked = self._asked or asyncio.create_task(_fetched(fetcher, positions.copy()))
        self._asked = None
        answers = await asked
        after = {place: answers[place].next_offset if place in answers else at for place, at in positions.items()}
        rest = {place: at for place, at in after.items() if at < ends[place]}
        if rest:
            self._asked = asyncio.create_task(_fetched(fetcher, rest))
            await asyncio.sleep(0)
        return answers

    async def _ask_no_more(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
            await asyncio.wait([asked])

    def _take(self, place: TopicPartition, records: Sequence[LogRecord], positions: Positions, end: int) -> Batch:
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


async def connected(bootstrap: str) -> AIOKafkaConsumer:
    """A client without topics of its own. Raises KafkaError, TimeoutError, OSError."""
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        request_timeout_ms=15_000,
        retry_backoff_ms=100,
    )
    try:
        await asyncio.wait_for(client.start(), CONNECT_SECONDS)
    except BaseException:
        await closed(client)
        raise
    return client


async def closed(client: AIOKafkaConsumer) -> None:
    """Let go of a client, whatever it is doing."""
    try:
        await asyncio.wait_for(client.stop(), 5)
    except (KafkaError, TimeoutError, OSError) as error:
        logger.debug("log_client_not_stopped", error=repr(error))
    except asyncio.CancelledError:
        if is_cancelled():
            raise  # else it was one of the client's own tasks that was cancelled


async def answered(question: Awaitable[T]) -> T:
    """The answer. Raises TimeoutError after ANSWER_SECONDS."""
    # Not wait_for, which before Python 3.12 loses a cancellation that meets an answer.
    async with asyncio.timeout(ANSWER_SECONDS):
        return await question


async def _fetched(fetcher: Fetcher, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, Answer]:
    return await answered(fetcher.fetch(positions))
