"""Broadcast topics: read whole by every process, without a group, and saved so that a restart without Kafka works."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from daira_bus.cancelling import is_cancelled
from daira_contracts._event import Event
from daira_contracts.auth import SigningKeyChangedV1
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.transient import is_transient

logger = get_logger(__name__)
E = TypeVar("E", bound=Event)
STUCK_SECONDS = 30.0


class BroadcastView(msgspec.Struct, frozen=True, kw_only=True):
    """One topic and what to do in this process: `put(event)` and `remove(key)` must be quick, pure memory."""

    event_type: type[Event]
    put: Callable[[Any], None]
    remove: Callable[[str], None]


def view(event_type: type[E], put: Callable[[E], None], remove: Callable[[str], None]) -> BroadcastView:
    """Typed constructor of a BroadcastView."""
    return BroadcastView(event_type=event_type, put=put, remove=remove)


class BroadcastReader:
    """Keeps the views of one process current."""

    def __init__(self, bootstrap: str, database: Database, views: Sequence[BroadcastView], prefix: str = "") -> None:
        self._bootstrap, self._database, self._prefix = bootstrap, database, prefix
        self._views = {prefix + one.event_type.topic: one for one in views}
        self.ready = asyncio.Event()
        """Set after the first full read; without Kafka, as soon as what an earlier run saved is loaded."""
        self._saved: set[tuple[str, str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; waits out the loss of Kafka with what is known."""
        if not self._views:
            self.ready.set()
            return
        await self._load(stop)
        while not stop.is_set():
            try:
                await self._read(stop)
            except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                # Also cancelled by nobody: aiokafka lets its own cancellations out.
                logger.warning("broadcast_waits", error=repr(error))
                if self._has_essentials():
                    self.ready.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1)

    async def _load(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._database.read() as work:
                    rows = await work.all("SELECT topic, key, value FROM broadcast")
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(0.5)
        else:
            return
        for row in rows:
            if self._apply(row["topic"], row["value"]):
                self._saved.add((row["topic"], row["key"]))

    def _has_essentials(self) -> bool:
        """Whether what was saved is enough to work with: signing keys, where this process verifies tokens."""
        essential = {topic for topic in self._views if topic.endswith(SigningKeyChangedV1.topic)}
        return bool(self._saved) and essential <= {topic for topic, _ in self._saved}

    async def _read(self, stop: asyncio.Event) -> None:
        client = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await asyncio.wait_for(client.start(), 20)
            partitions = await self._partitions(client)
            client.assign(partitions)
            await client.seek_to_beginning(*partitions)
            await _first_of(self._follow(client, partitions, stop), _watch(client, partitions))
        finally:
            with suppress(KafkaError, TimeoutError, OSError):
                await asyncio.wait_for(client.stop(), 5)

    async def _follow(
        self, client: AIOKafkaConsumer, partitions: Sequence[TopicPartition], stop: asyncio.Event
    ) -> None:
        await self._read_to_the_end(client, partitions, stop)
        while not stop.is_set():
            await self._take_batch(client)

    async def _read_to_the_end(
        self, client: AIOKafkaConsumer, partitions: Sequence[TopicPartition], stop: asyncio.Event
    ) -> None:
        seen: set[tuple[str, str]] = set()
        waiting = {p: end for p, end in (await client.end_offsets(partitions)).items() if end > 0}
        while waiting and not stop.is_set():
            seen |= await self._take_batch(client)
            for partition in [p for p, end in waiting.items() if await client.position(p) >= end]:
                del waiting[partition]
        if waiting:
            return
        held = {topic for topic, _ in seen}
        for topic, key in self._saved - seen:
            # Removed while this process was away, and its tombstone is compacted away too. But a topic without any
            # record is a lost one: nobody may be logged in any more if the keys were forgotten with it.
            if topic in held:
                self._views[topic].remove(key)
                await self._forget(topic, key)
        self.ready.set()

    async def _take_batch(self, client: AIOKafkaConsumer) -> set[tuple[str, str]]:
        """Apply what arrived within half a second and say which keys it was about."""
        seen = set()
        for records in (await client.getmany(timeout_ms=500, max_records=1000)).values():
            for record in records:
                await self._take(record)
                seen.add((record.topic, (record.key or b"").decode(errors="replace")))
        return seen

    async def _partitions(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        partitions = []
        for topic in self._views:
            client._client.add_topic(topic)  # without a subscription the client fetches no metadata by itself
        await client._client.force_metadata_update()
        for topic in self._views:
            known = client.partitions_for_topic(topic)
            if not known:
                raise KafkaError(f"{topic} does not exist yet")
            partitions += [TopicPartition(topic, number) for number in sorted(known)]
        return partitions

    async def _take(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            try:
                self._views[record.topic].remove(key)
            except ValueError as error:  # a key that is none of ours must not end this process
                logger.warning("broadcast_record_ignored", topic=record.topic, error=repr(error))
            await self._forget(record.topic, key)
        elif self._apply(record.topic, record.value):
            await self._save(record.topic, key, record.value)

    def _apply(self, topic: str, value: bytes) -> bool:
        one = self._views.get(topic)
        if one is None:
            return False
        try:
            event = msgspec.json.decode(value, type=one.event_type)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("broadcast_record_ignored", topic=topic, error=repr(error))
            return False
        one.put(event)
        return True

    async def _save(self, topic: str, key: str, value: bytes) -> None:
        revision = msgspec.json.decode(value, type=_Revision).revision
        with suppress(Exception):  # what cannot be saved now is read again at the next start
            async with self._database.work() as work:
                await work.execute(
                    """
                    INSERT INTO broadcast (topic, key, value, revision) VALUES (%s, %s, %s, %s)
                    ON CONFLICT (topic, key) DO UPDATE SET value = excluded.value, revision = excluded.revision
                    WHERE broadcast.revision <= excluded.revision
                    """,
                    (topic, key, value, revision),
                )
            self._saved.add((topic, key))

    async def _forget(self, topic: str, key: str) -> None:
        with suppress(Exception):
            async with self._database.work() as work:
                await work.execute("DELETE FROM broadcast WHERE topic = %s AND key = %s", (topic, key))
            self._saved.discard((topic, key))


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends or fails; the others are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
    """Raises TimeoutError when records wait that the client did not come nearer to since the look before.

    Nobody else would notice: a process that hears of no revocation goes on as if there were none.
    """
    behind: dict[TopicPartition, int] = {}
    while True:
        await asyncio.sleep(STUCK_SECONDS)
        ends = await asyncio.wait_for(client.end_offsets(partitions), 20)
        places = {one: await asyncio.wait_for(client.position(one), 10) for one in partitions}
        stuck = [one for one, place in places.items() if behind.get(one) == place]
        if stuck:
            raise TimeoutError(f"{stuck[0]} stays at {places[stuck[0]]}")
        behind = {one: place for one, place in places.items() if place < ends[one]}


class _Revision(msgspec.Struct):
    revision: int
