"""A cold or lost Circle is built once, however many readers wait for it."""

import asyncio
from datetime import timedelta
from uuid import UUID

from daira_feed.metrics import REBUILDS
from daira_feed.repository import audience, people
from daira_feed.repository.circles import Circles
from daira_feed.service.people import blocked_flags, own_flags
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_stores.postgres import Database

logger = get_logger(__name__)
LOCK_SECONDS = 10
LOOK_SECONDS = 0.02


class Rebuilding:
    """One flight a reader in this process, and by a lock in Redis one in all processes."""

    def __init__(self, database: Database, circles: Circles) -> None:
        self._database, self._circles = database, circles
        self._running: dict[UUID, asyncio.Task[None]] = {}

    async def rebuild(self, reader_id: UUID) -> None:
        """Returns when the Circle is whole, whoever built it."""
        running = self._running.get(reader_id)
        if running is None:
            running = self._running[reader_id] = asyncio.create_task(self._alone(reader_id))
            running.add_done_callback(lambda _: self._running.pop(reader_id, None))
        await asyncio.shield(running)

    async def _alone(self, reader_id: UUID) -> None:
        reader, token = reader_id.hex, new_id().hex
        while not await self._circles.take_rebuild(reader, token, LOCK_SECONDS):
            if await self._circles.is_whole(reader):
                return
            await asyncio.sleep(LOOK_SECONDS)
        try:
            if not await self._circles.is_whole(reader):
                await self._build(reader_id)
        finally:
            await self._circles.end_rebuild(reader, token)

    async def _build(self, reader_id: UUID) -> None:
        clock = now()
        async with self._database.work() as work:
            # Committed before anything is read: pushes and ties that we do not see from here on see an active reader.
            await audience.put_active(work, reader_id, clock)
        async with self._database.read() as work:
            reader = await audience.find_reader(work, reader_id)
            entries, stars = await audience.read_circle(work, reader_id)
            own, others = await people.read_unusual(work, reader_id)
        name = reader_id.hex
        standings = [
            self._circles.standing(name, held.target_id.hex, ">", own_flags(held), held.revision) for held in own
        ]
        standings += [
            self._circles.standing(name, held.actor_id.hex, "<", blocked_flags(held), held.revision) for held in others
        ]
        state = [
            self._circles.state(name, "following", reader.following, reader.following_revision),
            self._circles.state(name, "saver", reader.data_saver.value, reader.settings_revision),
        ]
        await self._circles.put_all(name, entries, stars, [*standings, *state], day_of(clock.timestamp()))
        REBUILDS.inc()
        logger.info("circle_rebuilt", entries=len(entries), stars=len(stars))


def day_of(timestamp: float) -> int:
    """Days since 1970."""
    return int(timedelta(seconds=timestamp).days)
