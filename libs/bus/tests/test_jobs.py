"""Slow work: claimed with a lease, taken over from the dead, given up in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daira_bus.errors import JobKeepsDying
from daira_bus.jobs import Job, JobKind, JobRunner, job
from daira_kit.errors import Unavailable
from daira_stores.postgres import Database, open_database
from daira_testing.fixtures import MakeDatabase
from daira_testing.gate import Gate
from daira_testing.waiting import eventually


class Workshop:
    """Remembers what its jobs did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.dead: list[str] = []
        self.causes: list[BaseException] = []
        self.end_failures: list[Exception] = []
        self.running = 0
        self.most_running = 0
        self.failures: list[BaseException] = []
        self.cursed: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()


async def build(job: Job, workshop: Workshop) -> None:
    workshop.running += 1
    workshop.most_running = max(workshop.most_running, workshop.running)
    try:
        await workshop.gate.wait()
        if workshop.failures:
            raise workshop.failures.pop()
        if job.key in workshop.cursed:
            raise ValueError("for ever")
        workshop.done.append(job.key)
    finally:
        workshop.running -= 1


async def bury(job: Job, error: BaseException, workshop: Workshop) -> None:
    if workshop.end_failures:
        raise workshop.end_failures.pop()
    workshop.causes.append(error)
    workshop.dead.append(job.key)


@asynccontextmanager
async def running(database: Database, workshop: Workshop, kinds: Sequence[JobKind]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(JobRunner(database, kinds, workshop, idle_seconds=0.1).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def enqueue(database: Database, *keys: str) -> None:
    async with database.work() as work:
        for key in keys:
            await work.enqueue("build", key, {"key": key})


async def rows(database: Database) -> list[tuple[str, str, int]]:
    async with database.read() as work:
        found = await work.all("SELECT key, state, attempts FROM job ORDER BY key")
    return [(row["key"], row["state"], row["attempts"]) for row in found]


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made: Database = await make_database()
    return made


async def test_due_work_is_done_once_by_one_of_two_runners(database: Database) -> None:
    workshop, keys = Workshop(), [f"k{number}" for number in range(30)]

    async with running(database, workshop, [job("build", build)]), running(database, workshop, [job("build", build)]):
        await enqueue(database, *keys)
        await eventually(lambda: _is_empty(database))

    assert sorted(workshop.done) == sorted(keys)


async def test_work_of_a_rolled_back_request_never_exists(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.work() as work:
            await work.enqueue("build", "lost")
            raise RuntimeError

    assert await rows(database) == []


async def test_a_failure_is_tried_again_and_given_up_in_the_end(database: Database) -> None:
    workshop = Workshop()
    workshop.failures = [ValueError("no"), ValueError("no"), ValueError("no")]
    kind = job("build", build, on_dead=bury, max_attempts=2)

    async with running(database, workshop, [kind]):
        await enqueue(database, "cursed")
        await eventually(lambda: _state(database, "cursed", "DEAD"))

    assert workshop.dead == ["cursed"]
    assert len(workshop.failures) == 1


async def test_a_dependency_that_is_down_costs_no_attempt(database: Database) -> None:
    workshop = Workshop()
    workshop.failures = [Unavailable()]

    async with running(database, workshop, [job("build", build, max_attempts=1)]):
        await enqueue(database, "patient")
        await eventually(lambda: _is_empty(database))

    assert workshop.done == ["patient"]


async def test_work_that_its_own_client_cancelled_is_tried_again_and_costs_no_attempt(database: Database) -> None:
    workshop = Workshop()
    workshop.failures = [asyncio.CancelledError()]
    await enqueue(database, "a")

    async with running(database, workshop, [job("build", build, max_attempts=1)]):
        await eventually(lambda: _did(workshop, "a"))

    assert workshop.dead == []


async def test_a_runner_whose_look_for_work_was_cancelled_by_nobody_looks_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, claim, looks = Workshop(), JobRunner._claim, 0

    async def cut_off_once(runner: JobRunner, kind: JobKind) -> Job | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise asyncio.CancelledError
        return await claim(runner, kind)

    monkeypatch.setattr(JobRunner, "_claim", cut_off_once)
    await enqueue(database, "a")

    async with running(database, workshop, [job("build", build)]):
        await eventually(lambda: _did(workshop, "a"))


async def test_a_dead_workers_job_is_taken_over_when_its_lease_ends(database: Database) -> None:
    workshop, ghost = Workshop(), Workshop()
    ghost.gate.clear()
    stop = asyncio.Event()
    await enqueue(database, "orphan")
    dying = asyncio.create_task(JobRunner(database, [job("build", build)], ghost).run(stop))
    await eventually(lambda: _runs(ghost))
    async with database.work() as work:  # as if its process had died a while ago
        await work.execute("UPDATE job SET leased_until = clock_timestamp(), leased_by = 'somebody dead'")

    async with running(database, workshop, [job("build", build)]):
        await eventually(lambda: _is_empty(database))

    stop.set()
    await dying
    assert workshop.done == ["orphan"]


async def test_a_job_that_takes_its_process_along_each_time_is_given_up_and_told(
    database: Database, cut_off: Any
) -> None:
    workshop = Workshop()
    await enqueue(database, "deadly")

    for _ in range(3):
        await cut_off(database, "worker", "job")
    async with running(database, workshop, [job("build", build, on_dead=bury, lease_seconds=0.5, max_deaths=2)]):
        await eventually(lambda: _state(database, "deadly", "DEAD"))

    assert (workshop.done, workshop.dead) == ([], ["deadly"])
    assert [type(cause) for cause in workshop.causes] == [JobKeepsDying]


async def test_a_job_that_died_less_often_is_done_and_a_death_costs_no_try(database: Database, cut_off: Any) -> None:
    workshop = Workshop()
    workshop.failures = [ValueError("the first try")]
    await enqueue(database, "unlucky")

    for _ in range(2):
        await cut_off(database, "worker", "job")
    async with running(database, workshop, [job("build", build, lease_seconds=0.5, max_attempts=2, max_deaths=2)]):
        await eventually(lambda: _is_empty(database))

    assert workshop.done == ["unlucky"]


async def test_whoever_adds_a_deadly_job_again_gives_it_all_its_lives_back(database: Database) -> None:
    workshop = Workshop()
    await enqueue(database, "mended")
    async with database.work() as work:
        await work.execute("UPDATE job SET state = 'DEAD', deaths = 100")

    async with running(database, workshop, [job("build", build, max_deaths=2)]):
        await enqueue(database, "mended")
        await eventually(lambda: _is_empty(database))

    assert workshop.done == ["mended"]


async def test_an_end_that_cannot_be_told_is_told_later_and_stops_nobody(database: Database) -> None:
    workshop = Workshop()
    workshop.cursed = {"cursed"}
    workshop.end_failures = [ValueError("nobody listens")]

    async with running(database, workshop, [job("build", build, on_dead=bury, max_attempts=1)]):
        await enqueue(database, "cursed")
        await eventually(lambda: _is_told_later(database))
        await enqueue(database, "neighbour")
        await eventually(lambda: _did(workshop, "neighbour"))
        async with database.work() as work:
            await work.execute("UPDATE job SET due_at = clock_timestamp()")
        await eventually(lambda: _state(database, "cursed", "DEAD"))

    assert workshop.dead == ["cursed"]


async def test_the_log_says_of_a_finished_job_how_long_it_took_and_at_which_try(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="daira_bus.jobs")

    async with running(database, Workshop(), [job("build", build)]):
        await enqueue(database, "told")
        done = await eventually(lambda: _lines(caplog, "job_done"))

    assert [(line["kind"], line["key"], line["attempts"]) for line in done] == [("build", "told", 1)]
    assert done[0]["ms"] > 0


async def test_work_that_ends_while_the_database_is_away_is_done_when_it_is_back_and_passes_for_no_death(
    database: Database,
) -> None:
    workshop = Workshop()

    async with Gate(database.dsn) as gate, open_database(gate.url, "test", size=2) as far:

        async def build_and_lose_the_database(job: Job, workshop: Workshop) -> None:
            workshop.done.append(job.key)
            gate.shut()

        async with running(far, workshop, [job("build", build_and_lose_the_database, lease_seconds=600)]):
            await enqueue(database, "once")
            await eventually(lambda: _did(workshop, "once"))
            shut = gate.tried
            await eventually(lambda: _tried_since(gate, shut))
            gate.open()
            await eventually(lambda: _is_empty(database))

    assert workshop.done == ["once"]


async def test_work_renewed_while_it_runs_runs_again(database: Database) -> None:
    workshop = Workshop()
    workshop.gate.clear()

    async with running(database, workshop, [job("build", build)]):
        await enqueue(database, "twice")
        await eventually(lambda: _runs(workshop))
        await enqueue(database, "twice")
        workshop.gate.set()
        await eventually(lambda: _is_empty(database))

    assert workshop.done == ["twice", "twice"]


async def test_work_renewed_while_its_last_try_fails_is_not_given_up(database: Database) -> None:
    workshop = Workshop()
    workshop.gate.clear()
    workshop.failures = [ValueError("the old payload is wrong")]

    async with running(database, workshop, [job("build", build, on_dead=bury, max_attempts=1)]):
        await enqueue(database, "mended")
        await eventually(lambda: _runs(workshop))
        await enqueue(database, "mended")
        workshop.gate.set()
        await eventually(lambda: _is_empty(database))

    assert (workshop.done, workshop.dead) == (["mended"], [])


async def test_a_job_taken_over_by_its_own_process_is_left_by_whoever_held_it(database: Database) -> None:
    workshop = Workshop()
    workshop.gate.clear()

    async with running(database, workshop, [job("build", build, lease_seconds=0.6, concurrency=2)]):
        await enqueue(database, "slow")
        await eventually(lambda: _runs(workshop))
        async with database.work() as work:  # as if the database had been away for longer than the lease
            await work.execute("UPDATE job SET leased_until = clock_timestamp() - interval '1 second'")
        await eventually(lambda: _was_claimed(database, times=2))
        await eventually(lambda: _rests_at(workshop, 1))
        workshop.gate.set()
        await eventually(lambda: _is_empty(database))

    assert workshop.done == ["slow"]


async def test_no_more_runs_at_once_than_allowed(database: Database) -> None:
    workshop = Workshop()

    async with running(database, workshop, [job("build", build, concurrency=3)]):
        workshop.gate.clear()
        await enqueue(database, *(f"k{number}" for number in range(8)))
        await eventually(lambda: _runs(workshop, 3))
        workshop.gate.set()
        await eventually(lambda: _is_empty(database))

    assert workshop.most_running == 3


async def _is_empty(database: Database) -> bool:
    return await rows(database) == []


async def _is_told_later(database: Database) -> bool:
    async with database.read() as work:
        row = await work.one("SELECT leased_by, last_error FROM job WHERE state = 'DUE'")
    return row is not None and row["leased_by"] is None and "nobody listens" in (row["last_error"] or "")


async def _lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in lines if line["event"] == event]


async def _did(workshop: Workshop, key: str) -> bool:
    return key in workshop.done


async def _tried_since(gate: Gate, before: int) -> bool:
    return gate.tried > before


async def _runs(workshop: Workshop, count: int = 1) -> bool:
    return workshop.running >= count


async def _rests_at(workshop: Workshop, count: int) -> bool:
    return workshop.running == count


async def _was_claimed(database: Database, times: int) -> bool:
    async with database.read() as work:
        return [row["deaths"] + 1 for row in await work.all("SELECT deaths FROM job")] == [times]


async def _state(database: Database, key: str, state: str) -> bool:
    return (key, state) in [(found, held) for found, held, _ in await rows(database)]
