"""A consumer, relay or worker process to be killed: `lone_process.py DSN BOOTSTRAP PREFIX ROLE [CRASH_AT [MANY]]`.

ROLE is `relay`, `worker`, or the consumer group of a consumer. CRASH_AT names the point at which it ends itself, as a
power cut would. A consumer: `handler` inside the transaction, `acknowledging` after its commit and before the offset
is committed, `burying` after its dead letter was sent and before the offset is committed. A relay: `sending` with half
of a batch on the broker, `marking` after the broker's ack and before the row is marked. A worker: `job` inside a job,
`finishing` after a job's effect and before its row is gone. MANY is `many` for a consumer that takes batches.
"""

import asyncio
import os
import sys
from typing import Any, NoReturn

import uvloop
from aiokafka import AIOKafkaProducer

from daira_bus.consumer import Consumer
from daira_bus.dlq import DeadLetters
from daira_bus.errors import Poison
from daira_bus.jobs import Job, JobRunner, job
from daira_bus.producer import open_producer
from daira_bus.relay import Relay
from daira_bus.subscription import on
from daira_contracts.user import SettingsChangedV1
from daira_stores.postgres import open_database
from daira_stores.work import Work
from daira_testing.delivery import Effects, consuming, on_each, record_effect, relaying, work_once
from daira_testing.topics import TopicProbe

POWER_CUT = 77
HALF_A_BATCH = 5


async def crash(*_: object, **__: object) -> NoReturn:
    """No clean-up of any kind."""
    os._exit(POWER_CUT)


async def record_and_crash(event: SettingsChangedV1, work: Work, effects: Effects) -> None:
    """The effect is written and never committed."""
    await record_effect(event, work, effects)
    await crash()


async def refuse(_event: SettingsChangedV1, _work: Work, _effects: Effects) -> None:
    """A record that can never be handled."""
    raise Poison("not this one")


async def crash_in_a_job(_job: Job, _effects: Effects) -> None:
    """A job that takes its process along."""
    await crash()


def send_half_a_batch() -> None:
    """The broker has the first records of a batch, and the rest never leaves."""
    send, sent = AIOKafkaProducer.send, 0

    async def send_or_crash(self: AIOKafkaProducer, *arguments: Any, **named: Any) -> Any:
        nonlocal sent
        if sent == HALF_A_BATCH:
            await self.flush()
            await crash()
        sent += 1
        return await send(self, *arguments, **named)

    AIOKafkaProducer.send = send_or_crash


def bury_and_crash() -> None:
    """The dead letter is confirmed and nothing else."""
    bury = DeadLetters.bury

    async def bury_or_crash(self: DeadLetters, *arguments: Any) -> None:
        await bury(self, *arguments)
        await crash()

    DeadLetters.bury = bury_or_crash  # type: ignore[method-assign, assignment]


def prepare(crash_at: str) -> None:
    """Put the crash where it is wanted."""
    if crash_at == "acknowledging":
        Consumer._commit = crash  # type: ignore[method-assign]
    if crash_at == "marking":
        Relay._mark = crash  # type: ignore[method-assign]
    if crash_at == "finishing":
        JobRunner._done = crash  # type: ignore[method-assign]
    if crash_at == "sending":
        send_half_a_batch()
    if crash_at == "burying":
        bury_and_crash()


async def main(dsn: str, bootstrap: str, prefix: str, role: str, crash_at: str = "", many: str = "one") -> None:
    """Until killed."""
    prepare(crash_at)
    handler = {"handler": record_and_crash, "burying": refuse}.get(crash_at, record_effect)
    async with open_database(dsn, "feed", size=4) as database, open_producer(bootstrap, "feed", prefix) as producer:
        probe = TopicProbe(bootstrap, prefix, producer)
        if role == "relay":
            async with relaying(database, probe):
                await asyncio.Event().wait()
        if role == "worker":
            kind = job("build", crash_in_a_job if crash_at == "job" else work_once, lease_seconds=0.5)
            await JobRunner(database, [kind], Effects(database), idle_seconds=0.1).run(asyncio.Event())
        listen = on_each if many == "many" else on
        subscription = listen(SettingsChangedV1, handler)
        # The shortest session that a broker gives: whoever killed us waits for its end.
        async with consuming(Effects(database), probe, group=role, subscription=subscription, session_seconds=6):
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
