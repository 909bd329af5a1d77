"""An author crosses the threshold of followers: no post is missed and none comes twice, before, during and after."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from daira_feed.domain.celebrity import Mode, next_mode, settled
from daira_feed.domain.timeline import Entry
from daira_feed.repository import audience
from daira_feed.repository.audience import FollowerPage
from daira_feed.repository.circles import Circles
from daira_feed.repository.pushing import let_end, push
from daira_feed.repository.timelines import Timelines
from daira_feed.repository.wire import Wire
from daira_kit.clock import now
from daira_stores.postgres import Database

SWITCH = "switch-author"


class Switching:
    """Both ways hold until every follower knows; only then the old way ends."""

    def __init__(
        self,
        database: Database,
        wire: Wire,
        circles: Circles,
        timelines: Timelines,
        *,
        threshold: int,
        page: int,
        inactive_seconds: int,
        kept_seconds: int,
    ) -> None:
        self._database, self._wire, self._circles, self._timelines = database, wire, circles, timelines
        self._threshold, self._page, self._kept = threshold, page, kept_seconds
        self._inactive = timedelta(seconds=inactive_seconds)

    async def switch(self, author_id: UUID) -> None:
        """Finish the switch under way; what the followers' count asks for meanwhile is begun at once."""
        async with self._database.read() as work:
            author = await audience.find_author(work, author_id)
            entries = await audience.read_timeline(work, author_id)
        if author.mode is Mode.RISING:
            await self._rise(author_id.hex, author_id, entries)
        elif author.mode is Mode.FALLING:
            await self._fall(author_id.hex, author_id, entries)
        else:
            return
        async with self._database.work() as work:
            held = await audience.lock_author(work, author_id)
            if held is None or held.mode is not author.mode:
                return
            done = settled(held.mode)
            mode = next_mode(done, held.followers, self._threshold)
            await audience.put_mode(work, author_id, mode)
            if mode is not done:
                await work.enqueue(SWITCH, str(author_id))

    async def _rise(self, author: str, author_id: UUID, entries: list[Entry]) -> None:
        await self._timelines.add(author, entries, is_whole=True)
        async for page in self._followers(author_id):
            await self._circles.add_star(page.readers, author)

    async def _fall(self, author: str, author_id: UUID, entries: list[Entry]) -> None:
        async for page in self._followers(author_id):
            for entry in entries:
                await push(self._wire, page.readers, entry, self._kept)
            await let_end(self._wire, page.fading, self._kept)
            await self._circles.remove_star(page.readers, author)
        await self._timelines.drop(author)

    async def _followers(self, author_id: UUID) -> AsyncIterator[FollowerPage]:
        after: UUID | None = None
        while True:
            clock = now()
            since, kept_since = clock - self._inactive, clock - timedelta(seconds=self._kept)
            async with self._database.read() as work:
                page = await audience.read_followers(work, author_id, after, self._page, since, kept_since)
            yield page
            if page.last is None:
                return
            after = page.last
