"""Many records of a partition at once: one transaction while all is well, one record at a time when it is not."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from daira_bus.batching import BatchHandler
from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.partitions import PartitionWorker
from daira_bus.subscription import on_batch
from daira_contracts.user import SettingsChangedV1
from daira_kit.errors import Unavailable
from daira_observe.tracing import cause
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.delivery import change
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = SettingsChangedV1.topic
DEAD = f"{TOPIC}.dlq.feed"


class Diary:
    """What became effective, as (transaction, what); `fail(ids)` may raise, after the effects were written."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fail: Callable[[list[UUID]], None] = lambda _: None
        self.tries: list[int] = []

    async def lines(self) -> list[tuple[int, str]]:
        async with self.database.read() as work:
            rows = await work.all("SELECT transaction, what FROM diary ORDER BY n")
        return [(row["transaction"], row["what"]) for row in rows]

    async def what(self) -> list[str]:
        return [what for _, what in await self.lines()]

    async def transactions(self) -> int:
        return len({transaction for transaction, _ in await self.lines()})


async def write_down(events: Sequence[SettingsChangedV1], work: Work, diary: Diary) -> None:
    assert cause() is None or len(events) == 1
    diary.tries.append(len(events))
    for event in events:
        await work.execute("INSERT INTO diary (what) VALUES (%s)", (str(event.event_id),))
    diary.fail([event.event_id for event in events])


async def write_removal(key: str, work: Work, _diary: Diary) -> None:
    await work.execute("INSERT INTO diary (what) VALUES (%s)", (f"no {key}",))


@pytest.fixture
async def diary(make_database: MakeDatabase) -> Diary:
    database = await make_database()
    async with database.work() as work:
        await work.execute(
            "CREATE TABLE diary (n bigserial, transaction bigint DEFAULT txid_current(), what text NOT NULL)"
        )
    return Diary(database)


@pytest.fixture
def batches(diary: Diary, probe: TopicProbe) -> BatchHandler:
    subscription = on_batch(SettingsChangedV1, write_down, tombstone=write_removal)
    dead = DeadLetters(probe.producer, "feed", probe.prefix)
    return BatchHandler({probe.prefix + TOPIC: subscription}, diary, diary.database, dead)


def records(probe: TopicProbe, *contents: SettingsChangedV1 | str | bytes, start: int = 0) -> list[ConsumerRecord]:
    """Of events; of a removed key, as text; of bytes that are none of both."""
    found = []
    for offset, content in enumerate(contents, start):
        key, value = str(content).encode(), None
        if isinstance(content, SettingsChangedV1):
            key, value = content.key_text().encode(), msgspec.json.encode(content)
        elif isinstance(content, bytes):
            key, value = b"somebody", content
        found.append(ConsumerRecord(probe.prefix + TOPIC, 0, offset, 0, 0, key, value, None, 0, 0, ()))
    return found


async def steps(batches: BatchHandler, taken: Sequence[ConsumerRecord]) -> list[int]:
    return [record.offset async for record in batches.handle(taken)]


async def test_what_waits_is_one_transaction_and_one_step(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    events = [change() for _ in range(50)]

    done = await steps(batches, records(probe, *events))

    assert (done, diary.tries, await diary.transactions()) == ([49], [50], 1)
    assert await diary.what() == [str(event.event_id) for event in events]


async def test_an_event_that_comes_again_in_a_batch_or_after_it_is_handled_once(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    first, second, third = change(), change(), change()

    await steps(batches, records(probe, first, second, first))
    await steps(batches, records(probe, second, third, first))
    await steps(batches, records(probe, first, third))
    await steps(batches, records(probe, second))

    assert await diary.what() == [str(event.event_id) for event in (first, second, third)]
    assert diary.tries == [2, 1]


@pytest.mark.parametrize("failing", [False, True], ids=["together", "taken apart"])
async def test_of_an_event_told_twice_the_first_counts_whether_together_or_one_by_one(
    diary: Diary, probe: TopicProbe, failing: bool
) -> None:
    outside: set[int] = set()
    first = change(revision=1)

    async def write_outside(events: Sequence[SettingsChangedV1], _work: Work, _diary: Diary) -> None:
        outside.update(event.revision for event in events if event.event_id == first.event_id)
        if failing and len(events) > 1:
            raise Unavailable("what is outside stays written")

    subscription = on_batch(SettingsChangedV1, write_outside)
    dead = DeadLetters(probe.producer, "feed", probe.prefix)
    batches = BatchHandler({probe.prefix + TOPIC: subscription}, diary, diary.database, dead)
    again = msgspec.structs.replace(first, revision=2)

    await steps(batches, records(probe, first, change(), again))

    assert outside == {1}


async def test_a_removal_keeps_its_place_among_its_neighbours(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    before, after = [change() for _ in range(3)], [change() for _ in range(2)]

    done = await steps(batches, records(probe, *before, "key", *after))

    assert await diary.what() == [
        *(str(event.event_id) for event in before),
        "no key",
        *(str(event.event_id) for event in after),
    ]
    assert (done, await diary.transactions()) == ([2, 3, 5], 3)


async def test_what_cannot_be_decoded_is_buried_and_its_neighbours_stay_together(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    buried, events = len(await probe.records(DEAD)), [change() for _ in range(4)]

    done = await steps(batches, records(probe, *events[:2], b"\xff not json", *events[2:]))

    assert (done, diary.tries) == ([1, 2, 4], [2, 2])
    assert [letter.value for letter in (await probe.records(DEAD))[buried:]] == [b"\xff not json"]


async def test_a_batch_that_fails_is_taken_one_by_one_and_only_the_poison_dies(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    buried, events = len(await probe.records(DEAD)), [change() for _ in range(5)]
    poison = events[2].event_id

    def refuse(ids: list[UUID]) -> None:
        if poison in ids:
            raise Poison("not this one")

    diary.fail = refuse
    done = await steps(batches, records(probe, *events))

    assert (done, diary.tries) == ([0, 1, 2, 3, 4], [5, 1, 1, 1, 1, 1])
    assert await diary.what() == [str(event.event_id) for event in events if event.event_id != poison]
    letters = (await probe.records(DEAD))[buried:]
    assert [msgspec.json.decode(letter.value)["eventId"] for letter in letters] == [str(poison)]


@pytest.mark.parametrize("error", [Unavailable("down"), asyncio.CancelledError()], ids=["down", "cut off"])
async def test_a_dependency_that_is_down_is_waited_for_and_nobody_is_lost(
    diary: Diary, batches: BatchHandler, probe: TopicProbe, error: BaseException
) -> None:
    events, left = [change() for _ in range(3)], [error] * 4

    def be_down(_: list[UUID]) -> None:
        if left:
            raise left.pop()

    diary.fail = be_down
    await steps(batches, records(probe, *events))

    assert await diary.what() == [str(event.event_id) for event in events]


async def test_a_worker_that_is_stopped_while_it_goes_one_by_one_ends_after_the_record_in_hand(
    diary: Diary, batches: BatchHandler, probe: TopicProbe
) -> None:
    worker = PartitionWorker(TopicPartition(probe.prefix + TOPIC, 0), batches.handle, at_once=100)
    stopping: list[asyncio.Task[None]] = []

    def fail(ids: list[UUID]) -> None:
        if len(ids) > 1:
            raise Unavailable("too much at once")
        if len(diary.tries) == 3:
            stopping.append(asyncio.create_task(worker.stop()))

    diary.fail = fail
    worker.add(records(probe, *(change() for _ in range(10)), start=5))

    async def is_stopping() -> bool:
        return bool(stopping)

    await eventually(is_stopping)
    await stopping[0]

    assert (len(await diary.what()), worker.done_offset) == (2, 7)
