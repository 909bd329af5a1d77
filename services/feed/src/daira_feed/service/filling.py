"""What Redis lost comes back from PostgreSQL when somebody wants to read it."""

from collections.abc import Sequence
from uuid import UUID

from daira_feed.domain.timeline import Entry
from daira_feed.metrics import CARDS_FILLED
from daira_feed.repository import audience, people, posts
from daira_feed.repository.cards import (
    Cards,
    StoredAuthor,
    StoredPost,
    read_author,
    read_post,
    stored_author,
    stored_post,
)
from daira_feed.repository.timelines import Timelines
from daira_feed.repository.wire import Wire
from daira_feed.service.people import put_author_card
from daira_feed.service.spreading import Spreading
from daira_stores.postgres import Database


class Filling:
    """Cold reads only; a warm read never comes here."""

    def __init__(
        self, database: Database, wire: Wire, cards: Cards, timelines: Timelines, spreading: Spreading
    ) -> None:
        self._database, self._wire, self._cards = database, wire, cards
        self._timelines, self._spreading = timelines, spreading

    async def fill_posts(self, pairs: Sequence[tuple[str, str]], *, lean: bool) -> list[StoredPost]:
        """`pairs` of (author, post) in hex; a post nobody knows becomes a tombstone."""
        CARDS_FILLED.inc(len(pairs))
        async with self._database.read() as work:
            found = {post.id.hex: post for post in await posts.find_many(work, [UUID(post) for _, post in pairs])}
        for author, post_hex in pairs:
            if post_hex in found:
                await self._spreading.put_card(found[post_hex])
            else:
                await self._cards.put_post_gone(author, post_hex, 0)
        replies = await self._wire.run([read_post(author, post, lean=lean) for author, post in pairs])
        return [stored_post(reply) for reply in replies]

    async def fill_authors(self, authors: Sequence[str]) -> list[StoredAuthor]:
        """Authors in hex."""
        CARDS_FILLED.inc(len(authors))
        async with self._database.read() as work:
            profiles = await people.find_profiles(work, [UUID(author) for author in authors])
        for author in authors:
            await put_author_card(self._cards, UUID(author), profiles.get(UUID(author)))
        return [stored_author(reply) for reply in await self._wire.run([read_author(author) for author in authors])]

    async def fill_timeline(self, author: str) -> list[Entry]:
        """A celebrity's timeline, whole."""
        async with self._database.read() as work:
            entries = await audience.read_timeline(work, UUID(author))
        await self._timelines.add(author, entries, is_whole=True)
        return entries
