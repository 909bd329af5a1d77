"""Slow work: claimed with a lease, taken over from the dead, given up in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from daira_bus.jobs import Job, JobKind, JobRunner, job
from daira_kit.errors import Unavailable
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.waiting import eventually


class Workshop:
    """Remembers what its jobs did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.dead: list[str] = []
        self.running = 0
        self.most_running = 0
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()


async def build(job: Job, workshop: Workshop) -> None:
    workshop.running += 1
    workshop.most_running = max(workshop.most_running, workshop.running)
    try:
        await workshop.gate.wait()
        if workshop.failures:
            raise workshop.failures.pop()
        workshop.done.append(job.key)
    finally:
        workshop.running -= 1


async def bury(job: Job, _error: BaseException, workshop: Workshop) -> None:
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


async def _runs(workshop: Workshop, count: int = 1) -> bool:
    return workshop.running >= count


async def _rests_at(workshop: Workshop, count: int) -> bool:
    return workshop.running == count


async def _was_claimed(database: Database, times: int) -> bool:
    return [attempts for _, _, attempts in await rows(database)] == [times]


async def _state(database: Database, key: str, state: str) -> bool:
    return (key, state) in [(found, held) for found, held, _ in await rows(database)]
