"""Forgetting a person: every post, every relation, every projection, and everything in Redis."""

from uuid import UUID

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1
from daira_feed.repository import audience, media, people, posts
from daira_feed.repository.cards import Cards
from daira_feed.repository.circles import Circles
from daira_feed.service.people import People
from daira_feed.service.spreading import Spreading
from daira_stores.postgres import Database
from daira_stores.work import Work

ERASE = "erase-person"
PAGE = 100


class Erasure:
    """Safe to run again from the start: what is gone is gone."""

    def __init__(
        self, database: Database, cards: Cards, circles: Circles, spreading: Spreading, everybody: People
    ) -> None:
        self._database, self._cards, self._circles = database, cards, circles
        self._spreading, self._people = spreading, everybody

    async def begin(self, work: Work, event: UserErasedV1) -> None:
        """From this commit on nothing new of this person is taken in."""
        await people.put_erased(work, event.user_id, event.erased_at)
        await work.enqueue(ERASE, str(event.user_id))

    async def erase(self, user_id: UUID) -> None:
        """Posts leave Circles first, while the followers are still known."""
        after: UUID | None = None
        while True:
            async with self._database.read() as work:
                ids = await posts.read_ids_of_author(work, user_id, after, PAGE)
            for post_id in ids:
                await self._erase_post(post_id)
            if len(ids) < PAGE:
                break
            after = ids[-1]
        await self._untie(user_id)
        async with self._database.work() as work:
            await people.remove_traces(work, user_id)
            await people.remove_profiles(work, [user_id])
            await people.remove_relations(work, user_id)
            await audience.remove(work, user_id)
            await media.remove_of_owner(work, user_id)
        await self._cards.forget_author(user_id)
        await self._circles.forget(user_id.hex)

    async def _erase_post(self, post_id: UUID) -> None:
        async with self._database.read() as work:
            post = await posts.find(work, post_id)
        if post is None:
            return
        await self._spreading.hide(post)
        async with self._database.work() as work:
            if await posts.lock(work, post_id) is not None:
                await posts.remove(work, post_id)
                await people.remove_told(work, post_id)
                await work.emit_tombstone(PostChangedV1, str(post_id))

    async def _untie(self, user_id: UUID) -> None:
        async with self._database.read() as work:
            pairs = await people.read_partners(work, user_id)
        for pair in pairs:
            async with self._database.work() as work:
                await self._people.forget_relation(work, pair.actor_id, pair.target_id)
            await self._people.tie(pair.actor_id, pair.target_id)
