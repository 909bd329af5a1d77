"""Accounts and followers: whose leaving means that a person's uploads need other URLs."""

from collections.abc import Collection
from datetime import timedelta
from typing import Generic
from uuid import UUID

from daira_audience.domain import turns_private
from daira_audience.repository import narrowings, people
from daira_audience.urls import U, Urls
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_stores.work import Work

RENEW_URLS = "renew_urls"
_BATCH = 100
_FIRST = UUID(int=0)


class Circles(Generic[U]):
    """Follows accounts and relations; a job gives uploads their new URLs, however many there are.

    The job begins `settle` after the first loss: feed has heard of it by then, so that whoever left is not shown the
    new URL, and a hundred losses in a row are one piece of work.
    """

    def __init__(self, database: Database, urls: Urls[U], *, settle_seconds: float) -> None:
        self._database, self._urls = database, urls
        self._settle = timedelta(seconds=settle_seconds)

    async def note_profile(self, event: ProfileChangedV1, work: Work) -> None:
        """An account that turns private hides all its uploads from strangers."""
        if event.state is ProfileState.REMOVED:
            await people.remove_accounts(work, [event.user_id])
        elif not await people.is_erased(work, event.user_id):
            was = await people.put_account(work, event.user_id, is_private=event.is_private, revision=event.revision)
            if turns_private(was_private=was, is_private=event.is_private):
                await self._narrow(work, event.user_id, is_of_all=True)

    async def forget_profile(self, user_id: UUID, work: Work) -> None:
        """The profile's key left its topic."""
        await people.remove_accounts(work, [user_id])

    async def note_relation(self, event: RelationChangedV1, work: Work) -> None:
        """Whoever followed and does not any more may know URLs; a block ends a follow too."""
        author, follower = event.target_id, event.actor_id
        if event.follow is FollowState.FOLLOWING:
            if not await people.is_erased(work, author, follower):
                await people.put_followers(work, [(author, follower, event.revision)])
        elif await people.remove_followers(work, [(author, follower, event.revision)]):
            await self._lose_follower(work, author)

    async def forget_relation(self, actor_id: UUID, target_id: UUID, work: Work) -> None:
        """The pair's key left its topic."""
        if await people.remove_followers(work, [(target_id, actor_id, people.ALWAYS)]):
            await self._lose_follower(work, target_id)

    async def renew_urls(self, author_id: UUID) -> None:
        """The job: new URLs for what somebody lost sight of, a batch a transaction."""
        async with self._database.read() as work:
            narrowing = await narrowings.find(work, author_id)
        if narrowing is None:
            return
        last: UUID | None = _FIRST
        while last is not None:
            async with self._database.work() as work:
                batch = await self._urls.lock_exposed(work, narrowing, last, _BATCH)
                for upload in batch:
                    await self._urls.renew(work, upload)
            last = batch[-1].id if batch else None
        async with self._database.work() as work:
            if not await narrowings.settle(work, narrowing):
                await self._enqueue(work, author_id)

    async def lose_followers(self, work: Work, author_ids: Collection[UUID]) -> None:
        """A rebuild found that somebody who was taken for a follower of each of them is none."""
        for author_id in sorted(author_ids):
            await self._lose_follower(work, author_id)

    async def turn_private(self, work: Work, user_ids: Collection[UUID]) -> None:
        """A rebuild found that accounts that were taken for public ones are private."""
        for user_id in sorted(user_ids):
            await self._narrow(work, user_id, is_of_all=True)

    async def _lose_follower(self, work: Work, author_id: UUID) -> None:
        await self._narrow(work, author_id, is_of_all=await people.is_private(work, author_id))

    async def _narrow(self, work: Work, author_id: UUID, *, is_of_all: bool) -> None:
        if await narrowings.put(work, author_id, is_of_all=is_of_all):
            await self._enqueue(work, author_id)

    async def _enqueue(self, work: Work, author_id: UUID) -> None:
        await work.enqueue(RENEW_URLS, str(author_id), due_at=now() + self._settle)
