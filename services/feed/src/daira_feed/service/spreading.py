"""Brings Redis and the followers' Circles in line with one post as it is now, page by page."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import perf_counter
from uuid import UUID

from daira_contracts.feed import PostState, Visibility
from daira_feed.domain.celebrity import Mode
from daira_feed.domain.timeline import Entry, entry_of, to_ms
from daira_feed.metrics import PUSHED, SPREAD_SECONDS
from daira_feed.repository import audience, media, posts, spreads
from daira_feed.repository.cards import Cards, PostCards
from daira_feed.repository.media import Medium
from daira_feed.repository.posts import Post, Words
from daira_feed.repository.pushing import let_end, pull_back, push
from daira_feed.repository.spreads import Spread, Wanted
from daira_feed.repository.timelines import Timelines
from daira_feed.repository.wire import Wire
from daira_feed.service.rendering import cards_of
from daira_feed.service.telling import NOTHING
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_stores.work import Work


class Spreading:
    """`page` followers at a time; readers inactive for longer than `inactive_seconds` are skipped.

    Their Circles ended before, `kept_seconds` after they read last.
    """

    def __init__(
        self,
        database: Database,
        wire: Wire,
        cards: Cards,
        timelines: Timelines,
        *,
        page: int,
        inactive_seconds: int,
        kept_seconds: int,
    ) -> None:
        self._database, self._wire, self._cards, self._timelines = database, wire, cards, timelines
        self._page, self._inactive, self._kept = page, timedelta(seconds=inactive_seconds), kept_seconds

    async def spread(self, post_id: UUID) -> None:
        """Safe to run twice, and from the page where a dead worker stopped."""
        async with self._database.read() as work:
            post = await posts.find(work, post_id)
            progress = await spreads.find(work, post_id)
        if post is None or post.published_at is None:
            return
        await self.put_cards([post])
        wanted: Wanted = "SHOWN" if post.state is PostState.PUBLISHED else "HIDDEN"
        if progress is None or progress.wanted != wanted:
            progress = Spread(post_id=post_id, wanted=wanted)
        if not progress.is_done:
            started = perf_counter()
            await self._go_on(post, progress)
            SPREAD_SECONDS.observe(perf_counter() - started)

    async def put_cards(self, found: Sequence[Post]) -> None:
        """The ready JSON of each, or the tombstone that beats it."""
        await self._cards.put(*await self.make_cards(found))

    async def make_cards(self, found: Sequence[Post]) -> list[PostCards]:
        """What `put_cards` writes; a few statements however many there are."""
        async with self._database.read() as work:
            words = await posts.read_approved(work, [post.id for post in found])
            media_ids = [media_id for one in words.values() for media_id in one.media_ids]
            known = await media.find_many(work, media_ids) if media_ids else {}
        return [self._card(post, words.get(post.id, NOTHING), known) for post in found]

    def _card(self, post: Post, said: Words, known: Mapping[UUID, Medium]) -> PostCards:
        author, post_hex = post.author_id.hex, post.id.hex
        if post.state is not PostState.PUBLISHED:
            return self._cards.gone(author, post_hex, post.revision)
        card, lean = cards_of(post, said, known)
        return self._cards.post(
            author,
            post_hex,
            post.revision,
            card,
            lean,
            is_limited=post.visibility is Visibility.FOLLOWERS,
            media_revision=sum(known[media_id].revision for media_id in said.media_ids if media_id in known),
        )

    async def hide(self, post: Post) -> None:
        """Takes a post out of every Circle, for erasure: the caller deletes it afterwards."""
        await self._cards.put(self._cards.gone(post.author_id.hex, post.id.hex, post.revision + 1))
        if post.published_at is not None:
            await self._go_on(post, Spread(post_id=post.id, wanted="HIDDEN"))

    async def _go_on(self, post: Post, progress: Spread) -> None:
        assert post.published_at is not None
        entry = entry_of(to_ms(post.published_at), post.id.hex, post.author_id.hex)
        async with self._database.work() as work:
            await spreads.put(work, progress)
            mode = (await audience.find_author(work, post.author_id)).mode
        await self._own_timeline(post, entry, mode, progress.wanted)
        if progress.wanted == "HIDDEN" or mode.pushes:
            await self._all_followers(post, entry, progress)
        async with self._database.work() as work:
            await spreads.put(work, Spread(post_id=post.id, wanted=progress.wanted, is_done=True))

    async def _own_timeline(self, post: Post, entry: Entry, mode: Mode, wanted: Wanted) -> None:
        if wanted == "HIDDEN":
            await self._timelines.remove(post.author_id.hex, entry)
        elif mode.is_pulled:
            await self._timelines.add(post.author_id.hex, [entry])

    async def _all_followers(self, post: Post, entry: Entry, progress: Spread) -> None:
        after = progress.after_follower
        while True:
            async with self._database.read() as work:
                page = await self._read_page(work, post.author_id, after)
            if progress.wanted == "SHOWN":
                await push(self._wire, page.readers, entry, self._kept)
                await let_end(self._wire, page.fading, self._kept)
            else:
                await pull_back(self._wire, page.readers, entry)
            PUSHED.labels(progress.wanted).inc(len(page.readers))
            if page.last is None:
                return
            after = page.last
            async with self._database.work() as work:
                await spreads.put(work, Spread(post_id=post.id, wanted=progress.wanted, after_follower=after))

    async def _read_page(self, work: Work, author_id: UUID, after: UUID | None) -> audience.FollowerPage:
        clock = now()
        kept_since = clock - timedelta(seconds=self._kept)
        return await audience.read_followers(work, author_id, after, self._page, clock - self._inactive, kept_since)
