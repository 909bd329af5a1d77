"""What is told because of an event says so, also when a job lies between; and each line of the log knows its place."""

import asyncio
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import TracerProvider

from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.handling import RecordHandler
from daira_bus.jobs import Job, JobRunner, job
from daira_bus.log import Record
from daira_bus.subscription import on
from daira_contracts.user import FollowState, RelationChangedV1, SettingsChangedV1
from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.delivery import change
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def answer(event: SettingsChangedV1, work: Work, _database: Database) -> None:
    """Tells something at once and something later."""
    await work.emit(relation())
    await work.enqueue("later", str(event.user_id))


async def later(_job: Job, database: Database) -> None:
    async with database.work() as work:
        await work.emit(relation())


async def refuse(_event: SettingsChangedV1, _work: Work, _database: Database) -> None:
    raise Poison("no")


def relation() -> RelationChangedV1:
    return RelationChangedV1(actor_id=new_id(), target_id=new_id(), follow=FollowState.NONE)


def record(event: SettingsChangedV1, ce_id: str | None = None) -> Record:
    headers = [
        ("ce_id", (ce_id if ce_id is not None else str(event.event_id)).encode()),
        ("traceparent", f"00-{TRACE}-{SPAN}-01".encode()),
    ]
    value, key = msgspec.json.encode(event), event.key_text().encode()
    return Record(event.topic, 2, 17, 0, 0, key, value, None, len(key), len(value), headers)


async def handled(database: Database, probe: TopicProbe, one: Record, handler: Any = answer) -> str:
    subscriptions = {SettingsChangedV1.topic: on(SettingsChangedV1, handler)}
    dead = DeadLetters(probe.producer, "feed", probe.prefix)
    return await RecordHandler(subscriptions, database, database, dead).handle(one)


async def told(database: Database) -> list[dict[str, str]]:
    """Headers of everything in the outbox, in order."""
    async with database.read() as work:
        return [row["headers"] for row in await work.all("SELECT headers FROM outbox ORDER BY id")]


async def test_what_a_handler_tells_names_the_event_it_handled_and_so_does_what_its_job_tells(
    make_database: MakeDatabase, probe: TopicProbe
) -> None:
    database, event, stop = await make_database(), change(), asyncio.Event()

    assert await handled(database, probe, record(event)) == "handled"
    runner = asyncio.create_task(JobRunner(database, [job("later", later)], database).run(stop))
    try:

        async def both() -> bool:
            return len(await told(database)) == 2

        await eventually(both)
    finally:
        stop.set()
        await runner

    assert [headers["daira-cause"] for headers in await told(database)] == [str(event.event_id)] * 2


async def test_what_nobody_caused_names_no_cause(make_database: MakeDatabase) -> None:
    database = await make_database()

    async with database.work() as work:
        await work.emit(relation())

    assert ["daira-cause" in headers for headers in await told(database)] == [False]


@pytest.mark.parametrize("ce_id", ["", "x" * 1000, "a\x00b", "\x1b[31m"])
async def test_an_id_that_can_be_none_is_no_cause_and_no_harm(
    make_database: MakeDatabase, probe: TopicProbe, ce_id: str
) -> None:
    database = await make_database()

    assert await handled(database, probe, record(change(), ce_id)) == "handled"

    assert ["daira-cause" in headers for headers in await told(database)] == [False]


async def test_lines_about_a_death_name_record_handler_and_trace(
    make_database: MakeDatabase, probe: TopicProbe, caplog: pytest.LogCaptureFixture
) -> None:
    event = change()

    assert await handled(await make_database(), probe, record(event), refuse) == "dead"

    lines = [one.msg for one in caplog.records if isinstance(one.msg, dict) and one.msg.get("event") == "record_dead"]
    (line,) = [one for one in lines if one["event_id"] == str(event.event_id)]
    assert (line["topic"], line["partition"], line["offset"]) == (event.topic, 2, 17)
    assert (line["handler"], line["trace_id"]) == ("refuse", TRACE)


def test_a_line_names_its_span_and_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    tracer = TracerProvider().get_tracer("of this test alone")
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner") as inner:
        get_logger("daira_bus.handling").error("inside")

    (line,) = [one.msg for one in caplog.records if isinstance(one.msg, dict) and one.msg.get("event") == "inside"]
    spans = [f"{span.get_span_context().span_id:016x}" for span in (inner, outer)]
    assert [line["span_id"], line["parent_id"]] == spans
