"""A service as somebody may write it tomorrow: its handlers do everything that a replay must not let out."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from daira_bus.jobs import Job, job
from daira_bus.producer import Producer
from daira_bus.subscription import on
from daira_contracts.user import ProfileChangedV1, RelationChangedV1, SettingsChangedV1
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_runtime import Parts, Platform, Service
from daira_stores.work import Work

PAY = "pay-out"


class Settings(CommonSettings, frozen=True, kw_only=True):
    """With a name that no list of ways out can know."""

    teller: str
    """URL of who pays."""


class Till:
    """Reaches the teller, and writes to topics past the outbox."""

    def __init__(self, teller: str, producer: Producer) -> None:
        self._teller, self.producer = teller, producer

    async def pay(self) -> None:
        """As adapters do."""
        async with httpx.AsyncClient() as client:
            await client.post(self._teller)

    async def pay_in_a_thread(self) -> None:
        """As a provider's own library does."""
        place = urlsplit(self._teller)
        await asyncio.get_running_loop().run_in_executor(None, socket.create_connection, (place.hostname, place.port))


async def move_money(event: ProfileChangedV1, work: Work, till: Till) -> None:
    """By the books: the ledger, and what others do about it."""
    await work.execute("INSERT INTO ledger (event_id, piastres) VALUES (%s, 500)", (event.event_id,))
    await work.emit(SettingsChangedV1(user_id=event.user_id))
    await work.emit_tombstone(SettingsChangedV1, str(event.user_id))
    await work.enqueue(PAY, str(event.user_id))
    await work.enqueue_many(PAY, [str(new_id())])
    await till.producer.publish(SettingsChangedV1(user_id=event.user_id))


async def pay_at_once(_event: SettingsChangedV1, _work: Work, till: Till) -> None:
    """Against the law that nothing slow is in a handler."""
    await till.pay()


async def pay_in_a_thread(_event: RelationChangedV1, _work: Work, till: Till) -> None:
    """The same below the event loop."""
    await till.pay_in_a_thread()


async def pay_later(_claimed: Job, till: Till) -> None:
    """What the books left to do."""
    await till.pay()


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Handlers and jobs."""
    subscriptions = (
        on(ProfileChangedV1, move_money),
        on(SettingsChangedV1, pay_at_once),
        on(RelationChangedV1, pay_in_a_thread),
    )
    till = Till(settings.teller, platform.producer)
    yield Parts(target=till, subscriptions=subscriptions, jobs=(job(PAY, pay_later),))


SERVICE = Service("till", Settings, build)
