"""Posts: when fewer people may see an upload, it gets another URL in the transaction that heard of it."""

from collections.abc import Collection, Sequence
from typing import Generic, TypeAlias
from uuid import UUID

from daira_audience.domain import Audience, has_narrowed
from daira_audience.repository.shown import ShownRows
from daira_audience.urls import U, Urls
from daira_contracts.feed import PostChangedV1
from daira_stores.work import Work

Seen: TypeAlias = Sequence[tuple[U, Audience]]
"""Uploads, and the widest circle that sees each."""


class Audiences(Generic[U]):
    """Follows posts. A foreign post that names an upload says nothing about it."""

    def __init__(self, urls: Urls[U], shown: ShownRows) -> None:
        self._urls, self._shown = urls, shown

    async def note_post(self, event: PostChangedV1, work: Work) -> None:
        """Keep who sees the post's uploads; late events change nothing."""
        known = await self._shown.of_post(work, event.post_id)
        if any(one.revision >= event.revision for one in known):
            return
        before = await self.seen(work, {*event.media_ids, *(one.upload_id for one in known)})
        await self._shown.put_posts(work, [event])
        await self.renew_narrowed(work, before)

    async def forget_post(self, post_id: UUID, work: Work) -> None:
        """The post is gone for good."""
        before = await self.seen(work, {one.upload_id for one in await self._shown.of_post(work, post_id)})
        await self._shown.remove_posts(work, [post_id])
        await self.renew_narrowed(work, before)

    async def seen(self, work: Work, upload_ids: Collection[UUID]) -> Seen[U]:
        """Who sees each of these uploads that the service holds; they are locked until the transaction ends."""
        # Locked first, in one order: of two posts that are hidden at once the later one sees what the earlier one did.
        locked = [await self._urls.lock(work, upload_id) for upload_id in sorted(upload_ids)]
        return [(upload, await self._audience(work, upload)) for upload in locked if upload is not None]

    async def renew_narrowed(self, work: Work, before: Seen[U]) -> None:
        """Other URLs for those that fewer people may see than `before`."""
        for upload, audience in before:
            if has_narrowed(audience, await self._audience(work, upload)):
                await self._urls.renew(work, upload)

    async def _audience(self, work: Work, upload: U) -> Audience:
        return await self._shown.audience(work, upload.id, upload.owner_id)
