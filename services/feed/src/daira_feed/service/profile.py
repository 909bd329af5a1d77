"""Somebody's posts on their profile."""

import asyncio
from datetime import datetime
from uuid import UUID

from daira_feed.domain.visibility import Surface
from daira_feed.errors import UserNotFound
from daira_feed.repository import people, posts
from daira_feed.schemas import PostView
from daira_feed.service.posts import Posts
from daira_kit.clock import now
from daira_kit.cursors import CursorCodec
from daira_kit.errors import NotYetVisible
from daira_kit.ids import id_time
from daira_kit.pages import Page
from daira_stores.postgres import Database

KIND = "profile"
FRESH_SECONDS = 60
WAIT_SECONDS = 1.0
LOOK_SECONDS = 0.1
_At = tuple[datetime, UUID]
_AT: type[_At] = _At  # type: ignore[assignment]


class Profiles:
    """The only list here that is read from PostgreSQL: it is asked for, not scrolled all day."""

    def __init__(self, database: Database, everything: Posts, cursors: CursorCodec) -> None:
        self._database, self._posts, self._cursors = database, everything, cursors

    async def read(
        self, author_id: UUID, reader_id: UUID, cursor: str | None, limit: int, *, is_saving: bool
    ) -> Page[PostView]:
        """Newest first; the author's own page has unpublished posts too. Raises UserNotFound and NotYetVisible."""
        scope = f"{reader_id}:{author_id}"
        before = self._cursors.decode(KIND, scope, cursor, _AT) if cursor else None
        await self._await_profile(author_id)
        own = author_id == reader_id
        async with self._database.read() as work:
            found = await posts.read_of_author(work, author_id, before, limit + 1, own=own)
            views = await self._posts.view_many(
                work, found[:limit], reader_id, surface=Surface.PROFILE, is_saving=is_saving
            )
        has_more = len(found) > limit
        last = found[limit - 1] if has_more else None
        next_cursor = None
        if last is not None:
            at = last.created_at if own else last.published_at or last.created_at
            next_cursor = self._cursors.encode(KIND, scope, (at, last.id))
        return Page(items=views, next_cursor=next_cursor, has_more=has_more)

    async def _await_profile(self, user_id: UUID) -> None:
        made = id_time(user_id)
        is_fresh = made is not None and (now() - made).total_seconds() < FRESH_SECONDS
        for _ in range(int(WAIT_SECONDS / LOOK_SECONDS) if is_fresh else 1):
            async with self._database.read() as work:
                if await people.find_profiles(work, [user_id]):
                    return
            if is_fresh:
                await asyncio.sleep(LOOK_SECONDS)
        raise NotYetVisible if is_fresh else UserNotFound
