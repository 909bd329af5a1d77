"""What Redis lost comes back from PostgreSQL when somebody wants to read it."""

from collections.abc import Sequence
from uuid import UUID

from daira_feed.domain.timeline import Entry, author_of, post_of
from daira_feed.metrics import CARDS_FILLED
from daira_feed.repository import audience, people, posts
from daira_feed.repository.cards import Cards, Stored, Wanted
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

    async def fill(self, entries: Sequence[Entry], stored: Stored, *, lean: bool) -> Stored:
        """Whatever `stored` lacks is written to Redis and read again; a post nobody knows becomes a tombstone."""
        lost = [at for at, post in enumerate(stored.posts) if post.card is None and not post.is_gone]
        nameless = [UUID(author) for author, held in stored.authors.items() if held.card is None]
        if not lost and not nameless:
            return stored
        CARDS_FILLED.inc(len(lost) + len(nameless))
        await self._fill_posts([entries[at] for at in lost])
        await self._fill_authors(nameless)
        wanted = Wanted(entries, lean=lean)
        return wanted.stored(await self._wire.run(wanted.commands(is_cluster=self._wire.is_cluster)))

    async def _fill_posts(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        async with self._database.read() as work:
            rows = await posts.find_many(work, [UUID(post_of(entry)) for entry in entries])
        await self._spreading.put_cards(rows)
        known = {post.id.hex for post in rows}
        unknown = [entry for entry in entries if post_of(entry) not in known]
        await self._cards.put(*(self._cards.gone(author_of(entry), post_of(entry), 0) for entry in unknown))

    async def _fill_authors(self, authors: Sequence[UUID]) -> None:
        if not authors:
            return
        async with self._database.read() as work:
            profiles = await people.find_profiles(work, authors)
        for author in authors:
            await put_author_card(self._cards, author, profiles.get(author))

    async def fill_timeline(self, author: str) -> list[Entry]:
        """A celebrity's timeline, whole."""
        async with self._database.read() as work:
            entries = await audience.read_timeline(work, UUID(author))
        await self._timelines.add(author, entries, is_whole=True)
        return entries
