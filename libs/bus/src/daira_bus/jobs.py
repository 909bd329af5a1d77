"""Slow work: rows claimed with a lease, so that it never meets a rebalance and a dead worker's job is taken over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import JobKeepsDying
from daira_kit.clock import now
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_observe.metrics import JOBS
from daira_observe.private import without_values
from daira_observe.tracing import caused_by, span
from daira_stores.postgres import Database
from daira_stores.transient import is_transient

logger = get_logger(__name__)
T = TypeVar("T")
LONGEST_WAIT = 60.0
INSIST_SECONDS = 0.25
LEAST_DEATHS = 8
"""A worker that is killed takes jobs along that did nothing wrong: fewer deaths say nothing about a job."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row.

    `attempts` counts this one too. `deaths` are earlier claims whose lease ran out because nobody lived to say how
    they ended; the claim that follows a death goes on with its attempt.
    """

    kind: str
    key: str
    payload: Any
    attempts: int
    deaths: int = 0
    due_at: datetime
    traceparent: str | None
    cause: str | None = None
    """The event in whose handling it was enqueued, by its id."""
    lease: str = ""
    """Of this claim alone: whoever claims the row after it has another, also in the same process."""

    def payload_as(self, type_: type[T]) -> T:
        """The payload as the struct it was made from."""
        return msgspec.convert(self.payload, type_)


JobHandler = Callable[[Job, Any], Awaitable[None]]
DeadHandler = Callable[[Job, BaseException, Any], Awaitable[None]]


class JobKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of slow work of a service."""

    kind: str
    handler: JobHandler
    on_dead: DeadHandler | None = None
    lease_seconds: float = 30.0
    max_attempts: int = 5
    max_deaths: int = LEAST_DEATHS
    concurrency: int = 1


def job(
    kind: str,
    handler: JobHandler,
    *,
    on_dead: DeadHandler | None = None,
    lease_seconds: float = 30.0,
    max_attempts: int = 5,
    max_deaths: int | None = None,
    concurrency: int = 1,
) -> JobKind:
    """Call `handler(job, service)` for each due row of `kind`; it opens its own units of work and may run twice.

    The lease is renewed while it runs. A failure is retried with growing waits up to `max_attempts`, then
    `on_dead(job, error, service)` is called and the row stays DEAD; a dependency that is down costs no attempt.
    A job that took its process along more than `max_deaths` times (by default as often as it may fail, at least
    LEAST_DEATHS) is not run again: `on_dead` is called with JobKeepsDying.
    """
    return JobKind(
        kind=kind,
        handler=handler,
        on_dead=on_dead,
        lease_seconds=lease_seconds,
        max_attempts=max_attempts,
        max_deaths=max(LEAST_DEATHS, max_attempts) if max_deaths is None else max_deaths,
        concurrency=concurrency,
    )


class JobRunner:
    """Claims and runs the jobs of one service in this process."""

    def __init__(
        self, database: Database, kinds: Sequence[JobKind], target: object, *, idle_seconds: float = 1.0
    ) -> None:
        """`idle_seconds` between looks when nothing is due; a job added by this process is seen at once."""
        self._database, self._kinds, self._target, self._idle = database, kinds, target, idle_seconds
        self._wakes: list[asyncio.Event] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a job in hand is then cancelled and its lease given back."""
        slots = [(kind, asyncio.Event()) for kind in self._kinds for _ in range(kind.concurrency)]
        self._wakes = [wake for _, wake in slots]
        tasks = [asyncio.create_task(self._slot(kind, wake)) for kind, wake in slots]
        tasks.append(asyncio.create_task(self._spread_wakes()))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in [stopping, *tasks]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _spread_wakes(self) -> None:
        while True:
            await self._database.job_added.wait()
            self._database.job_added.clear()
            for wake in self._wakes:
                wake.set()

    async def _slot(self, kind: JobKind, wake: asyncio.Event) -> None:
        while not is_cancelled():  # also when what was cancelled turned it into a failure of its own
            try:
                claimed = await self._claim(kind)
                if claimed is not None:
                    await self._run_one(kind, claimed)
                    continue
            except (Exception, asyncio.CancelledError) as error:
                by_nobody = isinstance(error, asyncio.CancelledError) and not is_cancelled()
                if not by_nobody and not is_transient(error):
                    raise
                logger.warning("job_runner_waits", kind=kind.kind, error=repr(error))
                await asyncio.sleep(1)
            wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), self._idle)

    async def _claim(self, kind: JobKind) -> Job | None:
        async with self._database.work() as work:
            row = await work.one(
                """
                UPDATE job SET leased_by = %(lease)s,
                    attempts = attempts + (leased_by IS NULL)::integer,
                    deaths = deaths + (leased_by IS NOT NULL)::integer,
                    leased_until = clock_timestamp() + make_interval(secs => %(seconds)s)
                WHERE (kind, key) = (
                    SELECT kind, key FROM job
                    WHERE kind = %(kind)s AND state = 'DUE' AND due_at <= clock_timestamp()
                      AND (leased_until IS NULL OR leased_until < clock_timestamp())
                    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING kind, key, payload, attempts, deaths, due_at, traceparent, cause, leased_by AS lease
                """,
                {"lease": str(new_id()), "seconds": kind.lease_seconds, "kind": kind.kind},
            )
        return Job(**row) if row is not None else None

    async def _run_one(self, kind: JobKind, claimed: Job) -> None:
        carrier = {"traceparent": claimed.traceparent} if claimed.traceparent else None
        attributes = {"job.key": claimed.key}
        with span(f"job {kind.kind}", carrier=carrier, attributes=attributes), caused_by(claimed.cause):
            started = time.perf_counter()
            running = asyncio.ensure_future(self._handle(kind, claimed))
            keeping = asyncio.create_task(self._keep_lease(kind, claimed, running))
            try:
                await running
            except asyncio.CancelledError:
                await self._cut_short(kind, claimed, running, lost=keeping.done())
            except Exception as error:
                await self._failed(kind, claimed, error)
            else:
                await _insist(partial(self._done, claimed))
                JOBS.labels(claimed.kind, "done").inc()
                ms = round((time.perf_counter() - started) * 1000, 2)
                # Inside the span: by this line a trace is followed to the end of its slow work.
                logger.info("job_done", kind=kind.kind, key=claimed.key, ms=ms, attempts=claimed.attempts)
            finally:
                keeping.cancel()

    async def _cut_short(self, kind: JobKind, claimed: Job, running: "asyncio.Future[None]", *, lost: bool) -> None:
        running.cancel()
        if not lost and not is_cancelled():
            # By nobody: what the work waited for was cancelled by its own client, which can be had anew.
            await self._failed(kind, claimed, Unavailable("cancelled by a client of its own"))
            return
        await self._release(claimed, now(), count=False)
        if is_cancelled():
            raise asyncio.CancelledError
        logger.warning("job_lease_lost", kind=kind.kind, key=claimed.key)

    async def _handle(self, kind: JobKind, claimed: Job) -> None:
        if claimed.deaths > kind.max_deaths:
            raise JobKeepsDying(f"{claimed.deaths} claims of {kind.kind} ended with their process")
        await kind.handler(claimed, self._target)

    async def _keep_lease(self, kind: JobKind, claimed: Job, running: "asyncio.Future[None]") -> None:
        while True:
            await asyncio.sleep(kind.lease_seconds / 3)
            try:
                async with self._database.work() as work:
                    cursor = await work.execute(
                        """
                        UPDATE job SET leased_until = clock_timestamp() + make_interval(secs => %s)
                        WHERE kind = %s AND key = %s AND leased_by = %s
                        """,
                        (kind.lease_seconds, claimed.kind, claimed.key, claimed.lease),
                    )
            except Exception as error:
                if not is_transient(error):
                    raise
                continue  # the lease may run out; whoever takes over finds idempotent work
            if cursor.rowcount == 0:
                running.cancel()
                return

    async def _done(self, claimed: Job) -> None:
        async with self._database.work() as work:
            cursor = await work.execute(
                "DELETE FROM job WHERE kind = %s AND key = %s AND leased_by = %s AND due_at = %s",
                (claimed.kind, claimed.key, claimed.lease, claimed.due_at),
            )
            if cursor.rowcount == 0:  # renewed while it ran: let it run again
                await work.execute(
                    """
                    UPDATE job SET leased_until = NULL, leased_by = NULL
                    WHERE kind = %s AND key = %s AND leased_by = %s
                    """,
                    (claimed.kind, claimed.key, claimed.lease),
                )

    async def _failed(self, kind: JobKind, claimed: Job, error: Exception) -> None:
        transient = is_transient(error)
        is_last = claimed.attempts >= kind.max_attempts or isinstance(error, JobKeepsDying)
        if not transient and is_last and await _insist(partial(self._is_as_claimed, claimed)):
            await self._give_up(kind, claimed, error)
            return
        logger.warning("job_retries", kind=kind.kind, key=claimed.key, error=repr(error), attempt=claimed.attempts)
        JOBS.labels(kind.kind, "retried").inc()
        wait = min(0.5 * 2**claimed.attempts, LONGEST_WAIT if not transient else 5.0)
        again = now() + timedelta(seconds=wait)
        await _insist(partial(self._release, claimed, again, count=not transient, error=_reason(error)))

    async def _is_as_claimed(self, claimed: Job) -> bool:
        """False when the job was renewed while it ran, which begins its tries anew, or taken over."""
        async with self._database.read() as work:
            row = await work.one(
                "SELECT true FROM job WHERE kind = %s AND key = %s AND leased_by = %s AND due_at = %s",
                (claimed.kind, claimed.key, claimed.lease, claimed.due_at),
            )
        return row is not None

    async def _give_up(self, kind: JobKind, claimed: Job, error: Exception) -> None:
        logger.error("job_dead", kind=kind.kind, key=claimed.key, error=repr(error), exc_info=error)
        if kind.on_dead is not None:
            try:
                await kind.on_dead(claimed, error, self._target)
            except Exception as problem:  # who waits for the end must hear of it: the whole job is tried again
                logger.exception("job_end_not_told", kind=kind.kind, key=claimed.key)
                again = now() + timedelta(seconds=5)
                await _insist(partial(self._release, claimed, again, count=True, error=_reason(problem)))
                return
        JOBS.labels(kind.kind, "dead").inc()
        await _insist(partial(self._bury, claimed, error))

    async def _bury(self, claimed: Job, error: Exception) -> None:
        async with self._database.work() as work:
            cursor = await work.execute(
                """
                UPDATE job SET state = 'DEAD', last_error = %s, leased_until = NULL, leased_by = NULL
                WHERE kind = %s AND key = %s AND leased_by = %s AND due_at = %s
                """,
                (_reason(error), claimed.kind, claimed.key, claimed.lease, claimed.due_at),
            )
        if cursor.rowcount == 0:
            await self._release(claimed, now(), count=True)

    async def _release(self, claimed: Job, due_at: datetime, *, count: bool, error: str | None = None) -> None:
        # Renewed while it ran: it stays due when that said, and its tries are counted anew.
        async with self._database.work() as work:
            await work.execute(
                """
                UPDATE job SET leased_until = NULL, leased_by = NULL, last_error = coalesce(%(error)s, last_error),
                    due_at = CASE WHEN due_at = %(was)s THEN %(due)s ELSE due_at END,
                    attempts = CASE WHEN due_at = %(was)s THEN attempts - %(off)s ELSE attempts END
                WHERE kind = %(kind)s AND key = %(key)s AND leased_by = %(lease)s
                """,
                {
                    "due": due_at,
                    "was": claimed.due_at,
                    "off": 0 if count else 1,
                    "error": error,
                    "kind": claimed.kind,
                    "key": claimed.key,
                    "lease": claimed.lease,
                },
            )


async def _insist(write: Callable[[], Awaitable[T]]) -> T:
    """How a claim ended is written down as soon as the database is back, however long that takes.

    Otherwise the row would wait for the end of its lease, and the claim would pass for one that died.
    """
    while True:
        try:
            return await write()
        except Exception as error:
            if not is_transient(error) or is_cancelled():
                raise
            await asyncio.sleep(INSIST_SECONDS)


def _reason(error: BaseException) -> str:
    return without_values(repr(error))[:1000]
