"""A consumer or relay process to be killed: `lone_consumer.py DSN BOOTSTRAP PREFIX GROUP [CRASH_AT]`.

CRASH_AT names the point at which it ends itself, as a power cut would:
`handler` inside the transaction, `acknowledging` after its commit and before the offset is committed,
`marking` (a relay) after the broker's ack and before the row is marked.
"""

import asyncio
import os
import sys
from typing import NoReturn

import uvloop

from daira_bus.consumer import Consumer
from daira_bus.producer import open_producer
from daira_bus.relay import Relay
from daira_bus.subscription import on
from daira_contracts.user import SettingsChangedV1
from daira_stores.postgres import open_database
from daira_stores.work import Work
from daira_testing.delivery import Effects, consuming, record_effect, relaying
from daira_testing.topics import TopicProbe

POWER_CUT = 77


async def crash(*_: object) -> NoReturn:
    """No clean-up of any kind."""
    os._exit(POWER_CUT)


async def record_and_crash(event: SettingsChangedV1, work: Work, effects: Effects) -> None:
    """The effect is written and never committed."""
    await record_effect(event, work, effects)
    await crash()


async def main(dsn: str, bootstrap: str, prefix: str, group: str, crash_at: str = "") -> None:
    """Until killed."""
    handler = record_and_crash if crash_at == "handler" else record_effect
    if crash_at == "acknowledging":
        Consumer._commit = crash  # type: ignore[method-assign, assignment]
    if crash_at == "marking":
        Relay._mark = crash  # type: ignore[method-assign, assignment]
    async with open_database(dsn, "feed", size=4) as database, open_producer(bootstrap, "feed", prefix) as producer:
        probe = TopicProbe(bootstrap, prefix, producer)
        if group == "relay":
            async with relaying(database, probe):
                await asyncio.Event().wait()
        async with consuming(Effects(database), probe, group=group, subscription=on(SettingsChangedV1, handler)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
