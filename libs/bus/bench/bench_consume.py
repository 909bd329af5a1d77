"""What a live consumer costs: ours in batches and one by one, and FastStream, each beside a raw `getmany` loop.

The peer is the loop that one would write by hand: `getmany`, decode, up to 500 inbox rows and the same upsert in one
transaction, then the offsets. It has no metrics, traces, dead letters or log, and does not see to keys. What the inbox
itself costs is told beside the same loop without it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer

from daira_bus.consumer import Consumer
from daira_bus.partitions import AT_ONCE
from daira_bus.producer import Producer, open_producer
from daira_bus.subscription import Subscription, on, on_batch
from daira_contracts.user import SettingsChangedV1
from daira_devtools.bench import compare, in_turn, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_observe.logs import get_logger, set_up_logging
from daira_stores.arrays import columns_of
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.fixtures import fresh_databases
from daira_testing.projection import own_topics

RECORDS = 20_000
SINGLES = 1_000
ROUNDS = 3
TOPIC = SettingsChangedV1.topic
PUT = """
INSERT INTO effect (id, revision) SELECT * FROM unnest(%s::uuid[], %s::int[]) ON CONFLICT (id) DO NOTHING
"""
KNOW = """
INSERT INTO inbox (event_id, handler) SELECT * FROM unnest(%s::uuid[], %s::text[])
ON CONFLICT DO NOTHING RETURNING event_id
"""


class Count:
    """Up to `wanted` records; the clock runs from the first of them, for joining a group is not what is measured."""

    def __init__(self, wanted: int) -> None:
        self._wanted, self._left, self._done = wanted, wanted, asyncio.Event()
        self._began = 0.0

    def begin(self) -> None:
        """Records are there."""
        self._began = self._began or time.perf_counter()

    def add(self, number: int) -> None:
        """So many more were handled."""
        self._left -= number
        if self._left <= 0:
            self._done.set()

    @property
    def is_done(self) -> bool:
        """Whether all were handled."""
        return self._done.is_set()

    async def rate(self) -> float:
        """Records a second, once all are handled."""
        await self._done.wait()
        return self._wanted / (time.perf_counter() - self._began)


async def put(work: Work, events: Sequence[SettingsChangedV1]) -> None:
    await work.execute(PUT, columns_of((event.event_id, event.revision) for event in events))


async def put_many(events: Sequence[SettingsChangedV1], work: Work, count: Count) -> None:
    count.begin()
    await put(work, events)
    count.add(len(events))


async def put_one(event: SettingsChangedV1, work: Work, count: Count) -> None:
    count.begin()
    await put(work, [event])
    count.add(1)


class Bench:
    """One topic, read again and again by groups of their own."""

    def __init__(self, stack: Endpoints, prefix: str, database: Database, producer: Producer) -> None:
        self._bootstrap, self._prefix, self._database, self._producer = (
            stack.kafka_bootstrap, prefix, database, producer
        )  # fmt: skip

    async def batches(self) -> float:
        """Records a second of our consumer with `on_batch`."""
        return await self._consume(on_batch(SettingsChangedV1, put_many), RECORDS)

    async def singles(self) -> float:
        """Records a second of our consumer with `on`."""
        return await self._consume(on(SettingsChangedV1, put_one), SINGLES)

    async def raw_with_inbox(self) -> float:
        """Records a second of the loop that the module describes."""
        return await self._raw(self._put_once)

    async def raw_with_effect(self) -> float:
        """Records a second of that loop without the inbox."""
        return await self._raw(self._put_raw)

    async def raw(self) -> float:
        """Records a second of `getmany` alone."""

        async def nothing(_: Sequence[Any]) -> None:
            return

        return await self._raw(nothing)

    async def faststream(self) -> float:
        """Records a second of FastStream with a handler of raw bytes that does nothing."""
        from faststream.kafka import KafkaBroker  # type: ignore[import-not-found, unused-ignore]

        broker, count = KafkaBroker(self._bootstrap, logger=None), Count(RECORDS)

        @broker.subscriber(self._prefix + TOPIC, group_id=f"bench-{new_id()}", auto_offset_reset="earliest")  # type: ignore[untyped-decorator, unused-ignore]
        async def handle(_: bytes) -> None:
            count.begin()
            count.add(1)

        async with broker:
            await broker.start()
            return await count.rate()

    async def _consume(self, subscription: Subscription, wanted: int) -> float:
        async with self._database.work() as work:
            await work.execute("TRUNCATE effect, inbox")
        count, stop = Count(wanted), asyncio.Event()
        consumer = Consumer(
            service="bench",
            bootstrap=self._bootstrap,
            subscriptions=[subscription],
            target=count,
            database=self._database,
            producer=self._producer,
            prefix=self._prefix,
            group=f"bench-{new_id()}",
        )
        running = asyncio.create_task(consumer.run(stop))
        found = await count.rate()
        stop.set()
        await running
        return found

    async def _raw(self, effect: Callable[[Sequence[Any]], Awaitable[None]]) -> float:
        async with self._database.work() as work:
            await work.execute("TRUNCATE effect, inbox")
        client = AIOKafkaConsumer(
            self._prefix + TOPIC,
            bootstrap_servers=self._bootstrap,
            group_id=f"bench-{new_id()}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await client.start()
        count = Count(RECORDS)
        try:
            while not count.is_done:
                for records in (await client.getmany(timeout_ms=100, max_records=AT_ONCE)).values():
                    count.begin()
                    await effect(records)
                    count.add(len(records))
            found = await count.rate()
            await client.commit()
            return found
        finally:
            await client.stop()

    async def _put_raw(self, records: Sequence[Any]) -> None:
        async with self._database.work() as work:
            await put(work, [msgspec.json.decode(record.value, type=SettingsChangedV1) for record in records])

    async def _put_once(self, records: Sequence[Any]) -> None:
        events = [msgspec.json.decode(record.value, type=SettingsChangedV1) for record in records]
        async with self._database.work() as work:
            found = await work.all(KNOW, columns_of((event.event_id, "bench") for event in events))
            new = {row["event_id"] for row in found}
            await put(work, [event for event in events if event.event_id in new])


async def measure(bench: Bench) -> None:
    figures = await in_turn(bench.batches, bench.raw_with_inbox, rounds=ROUNDS)
    note = f"{RECORDS:,} upserts; raw getmany, inbox rows and the same upsert, {AT_ONCE} records a transaction"
    tell(compare("consumer, batches", "records a second", *figures, bar=0.8, higher_is_better=True, note=note))
    figures = await in_turn(bench.batches, bench.raw_with_effect, rounds=ROUNDS)
    note = "the same beside raw getmany without an inbox: what it costs to handle each event once"
    tell(
        compare(
            "consumer, batches, inbox (reported)",
            "records a second",
            *figures,
            bar=None,
            higher_is_better=True,
            note=note,
        )
    )
    singles = [await bench.singles()]
    note = "a transaction a record, beside the raw loop with batches; for topics with little traffic"
    tell(
        compare(
            "consumer, one by one (reported)", "records a second", singles, figures[1][:1],
            bar=None, higher_is_better=True, note=note,
        )
    )  # fmt: skip
    if find_spec("faststream") is None:
        get_logger(__name__).warning("faststream_is_not_installed", then="uv pip install 'daira-bus[bench]'")
        return
    figures = await in_turn(bench.faststream, bench.raw, rounds=ROUNDS)
    cost = sum(1e6 / mine - 1e6 / raw for mine, raw in zip(*figures, strict=True)) / ROUNDS
    note = f"handlers that do nothing; FastStream adds {cost:.0f} µs a record to raw getmany"
    tell(compare("FastStream (reported)", "records a second", *figures, bar=None, higher_is_better=True, note=note))


async def main() -> None:
    stack = endpoints(int(environment("DAIRA_STACK_BASE", "8080")))
    async with (
        own_topics(stack.kafka_bootstrap) as topics,
        fresh_databases(stack) as make,
        open_producer(stack.kafka_bootstrap, "bench", topics.prefix) as producer,
    ):
        database = await make("feed")
        async with database.work() as work:
            await work.execute("CREATE TABLE effect (id uuid PRIMARY KEY, revision int NOT NULL)")
        await topics.publish([SettingsChangedV1(user_id=new_id(), revision=1) for _ in range(RECORDS)])
        await measure(Bench(stack, topics.prefix, database, producer))


if __name__ == "__main__":
    set_up_logging("bench", "WARNING")
    asyncio.run(main())
