"""Lists of people, newest first, as the reader may see them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from daira_kit.cursors import CursorCodec
from daira_kit.pages import Page
from daira_stores.postgres import Database
from daira_user.domain import relations as rules
from daira_user.errors import AccountPrivate, PersonNotFound
from daira_user.repository import views
from daira_user.repository.views import Card

OwnList = Literal["requests", "blocks", "mutes"]
OpenList = Literal["followers", "following"]


class Lists:
    """Cursors are bound to the list, its owner and the reader."""

    def __init__(self, database: Database, cursors: CursorCodec) -> None:
        self._database, self._cursors = database, cursors

    async def of_person(self, which: OpenList, owner: UUID, reader: UUID, cursor: str | None, limit: int) -> Page[Card]:
        """Followers or followings. Raises PersonNotFound, AccountPrivate, CursorInvalid."""
        async with self._database.read() as work:
            seen = await views.see(work, reader, owner)
        if seen is None or not rules.may_see_person(seen.pair):
            raise PersonNotFound
        if not rules.may_see_lists(seen.pair, is_private=seen.profile.is_private, is_self=owner == reader):
            raise AccountPrivate
        return await self._page(which, owner, reader, cursor, limit)

    async def own(self, which: OwnList, owner: UUID, cursor: str | None, limit: int) -> Page[Card]:
        """What only the owner sees. Raises CursorInvalid."""
        return await self._page(which, owner, owner, cursor, limit)

    async def _page(self, which: str, owner: UUID, reader: UUID, cursor: str | None, limit: int) -> Page[Card]:
        kind = f"{which}:{owner}"
        before = self._cursors.decode(kind, reader, cursor, tuple[datetime, UUID]) if cursor else None
        async with self._database.read() as work:
            cards = await views.page(work, which, owner, reader, before, limit + 1)
        items, has_more = cards[:limit], len(cards) > limit
        place = self._cursors.encode(kind, reader, (items[-1].at, items[-1].user_id)) if has_more else None
        return Page(items=items, next_cursor=place, has_more=has_more)
