"""A projection read anew beside a raw `getmany` loop over the same bytes, and beside a plain upsert of its rows."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from daira_bus.consumer import Consumer
from daira_bus.fetching import PARTITION_BYTES
from daira_bus.log import BATCH_RECORDS, Log
from daira_bus.producer import open_producer
from daira_bus.projection import Projection
from daira_bus.subscription import on
from daira_cli.collector import spare_the_collector
from daira_cli.rebuild.reading import folded
from daira_cli.rebuild.report import Report
from daira_cli.rebuild.tables import TableRebuild
from daira_cli.services import find
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.bench import compare, in_turn, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_observe.logs import set_up_logging
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.fixtures import fresh_databases
from daira_testing.projection import own_topics

RECORDS = 200_000
PEOPLE = 80_000
LIVE = 2_000
ROUNDS = 3
TOPIC = ProfileChangedV1.topic
UPSERT = """
INSERT INTO profile (user_id, revision, is_active, handle, display_name, avatar_url, is_private)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bool[], %s::text[], %s::text[], %s::text[], %s::bool[])
ON CONFLICT (user_id) DO UPDATE SET revision = excluded.revision, is_active = excluded.is_active,
    handle = excluded.handle, display_name = excluded.display_name, avatar_url = excluded.avatar_url,
    is_private = excluded.is_private
WHERE profile.revision < excluded.revision
"""
Row = tuple[UUID, int, bool, str, str, str | None, bool]


async def fill(topics: Any) -> None:
    people = [new_id() for _ in range(PEOPLE)]
    events = [
        ProfileChangedV1(
            user_id=people[number % PEOPLE],
            revision=number // PEOPLE + 1,
            state=ProfileState.ACTIVE,
            handle=f"person_{number}",
            display_name="سلمى حسن",
            bio="من القاهرة، أحب الصور والسفر والقهوة",
            avatar_url=f"/v1/media/{new_id().hex}/640.webp",
            created_at=now(),
        )
        for number in range(RECORDS)
    ]
    await topics.publish(events)


async def raw_records(bootstrap: str, topic: str) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """The loop that everything is measured by: no decoding, no keys, all partitions."""
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=10,
        max_partition_fetch_bytes=PARTITION_BYTES,
    )
    await client.start()
    count = 0
    try:
        cluster = await client._client.fetch_all_metadata()
        places = [TopicPartition(topic, number) for number in cluster.partitions_for_topic(topic) or ()]
        client.assign(places)
        await client.seek_to_beginning(*places)
        while count < RECORDS:
            for records in (await client.getmany(timeout_ms=200, max_records=BATCH_RECORDS)).values():
                count += len(records)
                yield records
    finally:
        await client.stop()


async def pure(stack: Endpoints, prefix: str) -> float:
    """Records a second of a raw loop, for the notes of the others."""

    async def ours() -> float:
        log, report, state = Log(stack.kafka_bootstrap, prefix), Report(projection="bench"), {}
        started = time.perf_counter()
        async for batch in log.read(await log.spans([TOPIC])):
            for event in folded(batch, ProfileChangedV1, report).puts:
                state[event.user_id.int] = event  # type: ignore[attr-defined]
        took = time.perf_counter() - started
        assert report.records == RECORDS
        assert len(state) == PEOPLE
        return RECORDS / took

    async def raw() -> float:
        started, size = time.perf_counter(), 0
        async for records in raw_records(stack.kafka_bootstrap, prefix + TOPIC):
            size += sum(len(record.value or b"") for record in records)
        took = time.perf_counter() - started
        assert size > RECORDS
        return RECORDS / took

    mine, theirs = await in_turn(ours, raw, rounds=ROUNDS)
    note = f"{RECORDS:,} profiles; raw aiokafka getmany, each value looked at, none decoded"
    tell(compare("rebuild, pure", "records a second", mine, theirs, bar=0.6, higher_is_better=True, note=note))
    return max(theirs)


async def with_sql(stack: Endpoints, prefix: str, database: Database, projection: Projection) -> None:
    records = [record async for found in raw_records(stack.kafka_bootstrap, prefix + TOPIC) for record in found]
    rows = rows_of(records)
    del records
    gc.freeze()
    async with database.work() as work:
        await work.execute("CREATE SCHEMA plain")
        await work.execute("CREATE TABLE plain.profile (LIKE public.profile INCLUDING ALL)")

    async def ours() -> float:
        log, report = Log(stack.kafka_bootstrap, prefix), Report(projection="bench")
        steps = TableRebuild(projection, database, None, log, log, report)
        await steps.begin(anew=True)
        started = time.perf_counter()
        await steps.read(lambda _: None)
        took = time.perf_counter() - started
        await steps.drop()
        assert report.records == RECORDS
        return RECORDS / took

    async def plain() -> float:
        async with database.work() as work:
            await work.execute("TRUNCATE plain.profile")
        started = time.perf_counter()
        for batch in rows:
            async with database.work() as work:
                await work.execute("SELECT set_config('search_path', 'plain', true)")
                await work.execute(UPSERT, [list(column) for column in zip(*batch, strict=True)])
        return RECORDS / (time.perf_counter() - started)

    figures = await in_turn(ours, plain, rounds=ROUNDS)
    note = "from the topic into tables, beside unnest upserts of the same rows from memory"
    tell(compare("rebuild with SQL", "records a second", *figures, bar=0.5, higher_is_better=True, note=note))


def rows_of(records: Sequence[ConsumerRecord]) -> list[list[Row]]:
    """Batches as large as ours; of each person once, for an upsert can touch a row once."""
    batches: list[list[Row]] = []
    for at in range(0, len(records), BATCH_RECORDS):
        last: dict[UUID, Row] = {}
        for record in records[at : at + BATCH_RECORDS]:
            one = msgspec.json.decode(record.value, type=ProfileChangedV1)
            last[one.user_id] = (
                one.user_id, one.revision, True, one.handle, one.display_name, one.avatar_url, one.is_private
            )  # fmt: skip
        batches.append(list(last.values()))
    return batches


async def live(stack: Endpoints, prefix: str, database: Database, raw_rate: float) -> None:
    """What a transaction a record costs a live consumer; reported, for batches are what rebuilds use."""
    handled, done = 0, asyncio.Event()

    async def count(_: ProfileChangedV1, __: Work, ___: object) -> None:
        nonlocal handled
        handled += 1
        if handled >= LIVE:
            done.set()

    async with open_producer(stack.kafka_bootstrap, "bench", prefix) as producer:
        consumer = Consumer(
            service="bench",
            bootstrap=stack.kafka_bootstrap,
            subscriptions=[on(ProfileChangedV1, count)],
            target=None,
            database=database,
            producer=producer,
            prefix=prefix,
            group=f"bench-{new_id()}",
        )
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        await consumer.joined.wait()
        started = time.perf_counter()
        await done.wait()
        rate = handled / (time.perf_counter() - started)
        stop.set()
        await running
    note = "one transaction with an inbox row a record, beside the raw loop"
    tell(
        compare(
            "live consumer (reported)",
            "records a second",
            [rate],
            [raw_rate],
            bar=None,
            higher_is_better=True,
            note=note,
        )
    )


async def main() -> None:
    stack = endpoints(int(environment("DAIRA_STACK_BASE", "8080")))
    profile = next(one for one in find("feed").projections if one.name == "feed.profile")
    assert isinstance(profile, Projection)
    async with own_topics(stack.kafka_bootstrap) as topics, fresh_databases(stack) as make:
        await fill(topics)
        raw_rate = await pure(stack, topics.prefix)
        await with_sql(stack, topics.prefix, await make("feed"), profile)
        await live(stack, topics.prefix, await make("feed"), raw_rate)


if __name__ == "__main__":
    set_up_logging("bench", "WARNING")
    spare_the_collector()
    asyncio.run(main())
