"""Everything of one process between start and stop, without the listening socket: tests use it as it is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Litestar

from daira_bus.broadcast import BroadcastReader, BroadcastView, view
from daira_bus.consumer import Consumer
from daira_bus.jobs import JobRunner
from daira_bus.producer import open_producer
from daira_bus.reach import reach
from daira_bus.relay import Relay
from daira_contracts.auth import SessionRevokedV1, SigningKeyChangedV1
from daira_kit.errors import Unavailable
from daira_kit.settings import CommonSettings
from daira_observe.logs import get_logger
from daira_runtime.parts import Build, Parts, Platform, S, complete
from daira_runtime.sweep import sweep_delivery_tables
from daira_stores.postgres import open_database
from daira_web.app import create_app
from daira_web.health import Check, Health
from daira_web.tokens import TokenVerifier

logger = get_logger(__name__)
POLL_DEAD_SECONDS = 60.0


class Role(Enum):
    """What a process does. Locally one process does all; in a cluster each role is its own deployment."""

    ALL = "all"
    HTTP = "http"
    WORKER = "worker"
    RELAY = "relay"

    def has(self, other: "Role") -> bool:
        """True when this role includes `other`."""
        return self in (Role.ALL, other)


class Process(msgspec.Struct, kw_only=True):
    """A running process. `stop` ends its background work."""

    service: str
    app: Litestar
    platform: Platform
    parts: Parts
    health: Health
    stop: asyncio.Event
    consumer: Consumer | None
    relay: Relay | None
    broadcasts: BroadcastReader
    tasks: list[asyncio.Task[None]]


@asynccontextmanager
async def open_process(service: str, settings: S, build: Build[S], role: Role = Role.ALL) -> AsyncIterator[Process]:
    """Start the background work of `role` and yield the process; at the end finish what is in hand and close."""
    async with AsyncExitStack() as stack:
        platform = Platform(
            database=await stack.enter_async_context(
                open_database(settings.postgres_dsn, service, size=settings.postgres_pool_size)
            ),
            producer=await stack.enter_async_context(
                open_producer(settings.kafka_bootstrap, service, settings.topic_prefix)
            ),
            verifier=TokenVerifier(settings.root_public_key, settings.token_issuer),
        )
        parts = complete(await stack.enter_async_context(build(settings, platform)), platform.database)
        process = _assemble(service, settings, platform, parts, role)
        _start(process, settings, role)
        try:
            yield process
        finally:
            await _stop(process, settings)


def _assemble(service: str, settings: CommonSettings, platform: Platform, parts: Parts, role: Role) -> Process:
    views = [*parts.views, *(_token_views(platform.verifier) if role.has(Role.HTTP) else [])]
    broadcasts = BroadcastReader(settings.kafka_bootstrap, platform.database, views, settings.topic_prefix)
    consumer = _consumer(service, settings, platform, parts) if role.has(Role.WORKER) else None
    relay = Relay(settings.postgres_dsn, platform.producer) if role.has(Role.RELAY) else None
    health = _health(settings, platform, parts, broadcasts, consumer, relay)
    app = create_app(
        service=service,
        routes=parts.routes if role.has(Role.HTTP) else (),
        dependencies=parts.dependencies,
        examples=parts.examples,
        verifier=platform.verifier,
        health=health,
    )
    return Process(
        service=service,
        app=app,
        platform=platform,
        parts=parts,
        health=health,
        stop=asyncio.Event(),
        consumer=consumer,
        relay=relay,
        broadcasts=broadcasts,
        tasks=[],
    )


def _health(
    settings: CommonSettings,
    platform: Platform,
    parts: Parts,
    broadcasts: BroadcastReader,
    consumer: Consumer | None,
    relay: Relay | None,
) -> Health:
    required: dict[str, Check] = {
        "postgres": platform.database.check,
        "broadcasts": partial(_broadcasts_read, broadcasts),
        "consumer": partial(_consumer_runs, consumer),
        **parts.required,
    }
    # Without Kafka writes are still taken, and what they tell waits in the outbox: shown, and no reason to be unready.
    told: dict[str, Check] = {"kafka": partial(reach, settings.kafka_bootstrap)}
    if relay is not None:
        told["relay"] = partial(_relay_goes_on, relay)
    health = Health(required, {**told, **parts.optional})
    health.alive = lambda: _why_dead(consumer)
    return health


async def _broadcasts_read(broadcasts: BroadcastReader) -> None:
    if not broadcasts.ready.is_set():
        raise Unavailable("broadcast topics are not read yet")


async def _consumer_runs(consumer: Consumer | None) -> None:
    if consumer is not None and consumer.failure:
        raise Unavailable(consumer.failure)


async def _relay_goes_on(relay: Relay) -> None:
    if relay.last_error:
        raise Unavailable(relay.last_error)


def _consumer(service: str, settings: CommonSettings, platform: Platform, parts: Parts) -> Consumer | None:
    if not parts.subscriptions:
        return None
    return Consumer(
        service=service,
        bootstrap=settings.kafka_bootstrap,
        subscriptions=parts.subscriptions,
        target=parts.target,
        database=platform.database,
        producer=platform.producer,
        prefix=settings.topic_prefix,
    )


def _start(process: Process, settings: CommonSettings, role: Role) -> None:
    stop, platform = process.stop, process.platform
    runs: list[tuple[str, Any]] = [("broadcasts", process.broadcasts.run(stop))]
    if process.relay is not None:
        runs.append(("relay", process.relay.run(stop)))
        runs.append(("sweep", sweep_delivery_tables(platform.database, stop)))
    if role.has(Role.WORKER):
        if process.consumer is not None:
            runs.append(("consumer", _consume(process.consumer, process)))
        if process.parts.jobs:
            runs.append(("jobs", JobRunner(platform.database, process.parts.jobs, process.parts.target).run(stop)))
        runs += [(f"task-{uuid4().hex[:6]}", task(stop)) for task in process.parts.tasks]
    process.tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in runs]
    for task in process.tasks:
        task.add_done_callback(lambda done: _report(done, process))


async def _consume(consumer: Consumer, process: Process) -> None:
    # Handlers decide by what broadcasts said (word lists): before the first full read they would decide wrongly.
    known, stopped = asyncio.create_task(process.broadcasts.ready.wait()), asyncio.create_task(process.stop.wait())
    try:
        await asyncio.wait([known, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        known.cancel()
        stopped.cancel()
    await consumer.run(process.stop)


def _report(done: "asyncio.Task[None]", process: Process) -> None:
    # A cancellation that nobody asked for ends a task as surely as an error does.
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if error is None or (done.cancelled() and process.stop.is_set()):
        return
    logger.error("background_task_died", task=done.get_name(), exc_info=error)
    process.health.alive = lambda: f"{done.get_name()} died: {error!r}"


async def _stop(process: Process, settings: CommonSettings) -> None:
    process.health.draining = True
    process.stop.set()
    _, pending = await asyncio.wait(process.tasks, timeout=settings.drain_seconds)
    for task in pending:
        task.cancel()
    await asyncio.gather(*process.tasks, return_exceptions=True)


def _why_dead(consumer: Consumer | None) -> str | None:
    if consumer is None or not consumer.last_poll or consumer.failure:
        return None
    silent = time.monotonic() - consumer.last_poll
    return f"no poll for {silent:.0f} s" if silent > POLL_DEAD_SECONDS * 3 else None


def _token_views(verifier: TokenVerifier) -> list[BroadcastView]:
    return [
        view(SigningKeyChangedV1, verifier.put_key, verifier.remove_key),
        view(SessionRevokedV1, verifier.put_revocation, verifier.remove_revocation),
    ]
