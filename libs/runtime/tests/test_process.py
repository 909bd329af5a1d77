"""A whole process: starts alone, keeps its trace from request to the last handler, drains."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from litestar import post
from litestar.di import NamedDependency
from opentelemetry import trace

from daira_bus.groups import open_groups
from daira_bus.jobs import Job, job
from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_observe.tracing import set_up_tracing, trace_id
from daira_runtime import Parts, Platform, Process, Role, open_process
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually
from daira_web.guards import PUBLIC

CommonMaker = Callable[[Database], dict[str, Any]]


class Echo:
    """Notes the trace in which each step ran."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.traces: dict[str, str | None] = {}


@post("/v1/erase", operation_id="Erase", opt=PUBLIC)
async def erase(echo: NamedDependency[Echo]) -> dict[str, str]:
    user_id = new_id()
    async with echo.database.work() as work:
        await work.emit(UserErasedV1(user_id=user_id, erased_at=now()))
    return {"userId": str(user_id)}


async def hear(event: UserErasedV1, work: Work, echo: Echo) -> None:
    echo.traces[f"handler {event.user_id}"] = trace_id()
    await work.enqueue("tidy", str(event.user_id))


async def tidy(job: Job, echo: Echo) -> None:
    echo.traces[f"job {UUID(job.key)}"] = trace_id()


@asynccontextmanager
async def build(settings: CommonSettings, platform: Platform) -> AsyncIterator[Parts]:
    echo = Echo(platform.database)
    yield Parts(
        target=echo,
        routes=[erase],
        dependencies={"echo": echo},
        subscriptions=[on(UserErasedV1, hear)],
        jobs=[job("tidy", tidy)],
    )


@pytest.fixture
async def process(make_database: MakeDatabase, common_settings: CommonMaker) -> AsyncIterator[Process]:
    settings = CommonSettings(**common_settings(await make_database()))
    async with open_process("feed", settings, build) as process:
        yield process


async def test_one_trace_leads_from_the_request_to_the_last_job(process: Process) -> None:
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        set_up_tracing("test")
    wanted = "0af7651916cd43dd8448eb211c80319c"
    echo: Any = process.parts.target

    async with calling(process.app) as client:
        answer = await client.post("/v1/erase", headers={"traceparent": f"00-{wanted}-b7ad6b7169203331-01"})
    user_id = answer.json()["userId"]
    await eventually(lambda: _has(echo, f"job {user_id}"))

    assert {echo.traces[f"handler {user_id}"], echo.traces[f"job {user_id}"]} == {wanted}


async def test_it_starts_and_answers_while_its_database_and_broker_are_down(common_settings: CommonMaker) -> None:
    nowhere = "127.0.0.1:9"
    made = common_settings(Database(None, "x", f"postgresql://daira@{nowhere}/x"))  # type: ignore[arg-type]
    settings = CommonSettings(**{**made, "kafka_bootstrap": nowhere, "drain_seconds": 0.5})

    async with open_process("feed", settings, build) as process, calling(process.app) as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")

    assert (live.status_code, ready.status_code) == (200, 503)
    assert {one["name"]: one["ok"] for one in ready.json()["dependencies"]}["postgres"] is False


async def test_a_stopping_process_finishes_what_it_has_in_hand(
    make_database: MakeDatabase, common_settings: CommonMaker, probe: TopicProbe
) -> None:
    person, finished, begun = new_id(), asyncio.Event(), asyncio.Event()

    async def slow(event: UserErasedV1, _work: Work, _target: object) -> None:
        if event.user_id == person:
            begun.set()
            await asyncio.sleep(0.5)
            finished.set()

    @asynccontextmanager
    async def build_slow(settings: CommonSettings, platform: Platform) -> AsyncIterator[Parts]:
        yield Parts(subscriptions=[on(UserErasedV1, slow)])

    settings = CommonSettings(**common_settings(await make_database()))
    async with open_process("wallet", settings, build_slow):  # a group no other test is in
        await probe.publish(UserErasedV1(user_id=person, erased_at=now()))
        await asyncio.wait_for(begun.wait(), 30)

    assert finished.is_set()


async def test_a_process_whose_time_to_drain_ran_out_has_left_its_group(
    make_database: MakeDatabase, common_settings: CommonMaker, probe: TopicProbe
) -> None:
    person, begun = new_id(), asyncio.Event()

    async def hang(event: UserErasedV1, _work: Work, _target: object) -> None:
        if event.user_id == person:
            begun.set()
            await asyncio.sleep(3600)

    @asynccontextmanager
    async def build_hanging(settings: CommonSettings, platform: Platform) -> AsyncIterator[Parts]:
        yield Parts(subscriptions=[on(UserErasedV1, hang)])

    settings = CommonSettings(**common_settings(await make_database()) | {"drain_seconds": 0.5})
    async with open_process("payments", settings, build_hanging):
        await probe.publish(UserErasedV1(user_id=person, erased_at=now()))
        await asyncio.wait_for(begun.wait(), 30)

    async with open_groups(probe.bootstrap, probe.prefix) as groups:
        assert not (await groups.describe("daira.payments")).members


async def test_the_worker_role_serves_health_and_no_route(
    make_database: MakeDatabase, common_settings: CommonMaker
) -> None:
    settings = CommonSettings(**common_settings(await make_database()))

    async with open_process("video", settings, build, Role.WORKER) as process, calling(process.app) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.post("/v1/erase")).status_code == 404


async def test_a_background_task_that_ends_before_its_time_is_told_to_whoever_restarts_the_process(
    make_database: MakeDatabase, common_settings: CommonMaker
) -> None:
    async def cancelled_by_nobody(_stop: asyncio.Event) -> None:
        raise asyncio.CancelledError

    @asynccontextmanager
    async def with_task(_settings: CommonSettings, _platform: Platform) -> AsyncIterator[Parts]:
        yield Parts(tasks=(cancelled_by_nobody,))

    settings = CommonSettings(**common_settings(await make_database()))
    async with open_process("echo", settings, with_task) as process, calling(process.app) as client:

        async def no_longer_alive() -> bool:
            return (await client.get("/livez")).status_code == 503

        await eventually(no_longer_alive)


async def _has(echo: Echo, key: str) -> bool:
    return key in echo.traces
