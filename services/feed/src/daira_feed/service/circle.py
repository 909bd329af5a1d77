"""Circle: two round trips to Redis and none to PostgreSQL while it is warm."""

from collections.abc import Sequence
from itertools import product
from uuid import UUID

import msgspec

from daira_contracts.user import DataSaver
from daira_feed.domain.saver import is_saving
from daira_feed.domain.timeline import Entry, Position, author_of, below, merge, position_of
from daira_feed.domain.visibility import Standing, Subject, Surface, may_see
from daira_feed.repository import audience
from daira_feed.repository.cards import Stored, Wanted
from daira_feed.repository.circles import BLOCKED_BY, BLOCKS, MUTES, UNFOLLOWED, Circles, Head, flags_of, read_standings
from daira_feed.repository.timelines import newer, read_newer
from daira_feed.service.filling import Filling
from daira_feed.service.rebuilding import Rebuilding, day_of
from daira_feed.service.shelf import Shelf
from daira_kit.clock import now
from daira_kit.cursors import CursorCodec
from daira_kit.errors import TooManyRequests, Unavailable
from daira_stores.postgres import Database

KIND = "circle"
EMPTY_ROUNDS = 5
"""So many wholly hidden pages are skipped before a reader gets an empty one with a cursor."""
_POSITION: type[Position] = Position  # type: ignore[assignment]  # an alias of a tuple is a type to msgspec only
_VIEWER = b',"viewer":{"reaction":null,"following":true}}'
Flags = tuple[int, int]
"""What a reader holds towards an author, and the author towards the reader."""


def _is_shown(flags: Flags, facts: tuple[bool, ...]) -> bool:
    own, theirs = flags
    standing = Standing(
        follows=not own & UNFOLLOWED,
        blocks=bool(own & BLOCKS),
        mutes=bool(own & MUTES),
        blocked_by=bool(theirs & BLOCKED_BY),
    )
    is_gone, is_limited, is_private, author_is_gone = facts
    subject = Subject(
        is_published=not is_gone,
        followers_only=is_limited,
        author_is_private=is_private,
        author_is_gone=author_is_gone,
    )
    return may_see(Surface.CIRCLE, standing, subject)


# Every answer there is, given once: a page asks twenty times.
_SHOWN = {
    (*flags, *facts): _is_shown(flags, facts)
    for flags in product(range(8), range(2))
    for facts in product((False, True), repeat=4)
}


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What the client says about its connection."""

    save_data: str | None = None
    network: str | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Ready JSON in the shape of CirclePage, and how many more pages this minute has."""

    body: bytes
    headers: dict[str, str]


class _Page(msgspec.Struct, frozen=True, gc=False):
    entries: list[Entry]
    stored: Stored
    flags: dict[str, Flags]


class Circle:
    """Reads; rebuilding and filling happen only when Redis does not have what it should."""

    def __init__(
        self,
        database: Database,
        circles: Circles,
        shelf: Shelf,
        rebuilding: Rebuilding,
        filling: Filling,
        cursors: CursorCodec,
        *,
        reads_per_minute: int,
    ) -> None:
        self._limit = reads_per_minute
        self._database, self._circles, self._shelf = database, circles, shelf
        self._rebuilding, self._filling, self._cursors = rebuilding, filling, cursors

    async def read(self, reader_id: UUID, cursor: str | None, limit: int, hints: Hints) -> Answer:
        """One page. Raises CursorInvalid and TooManyRequests."""
        reader = reader_id.hex
        position = self._cursors.decode(KIND, reader, cursor, _POSITION) if cursor else None
        for _ in range(EMPTY_ROUNDS):
            head = await self._whole_head(reader_id, position, limit + 1)
            lean = is_saving(DataSaver(head.saver), save_data=hints.save_data, network=hints.network)
            page, has_more = await self._page(reader, head, position, limit, lean=lean)
            items = _items(page)
            if page.entries:
                position = position_of(page.entries[-1])
            await self._tidy(reader_id, head, page)
            if items or not has_more:
                break
        next_cursor = self._cursors.encode(KIND, reader, position) if has_more else None
        return Answer(_page_json(items, next_cursor, head.following), self._rate_limit(head.reads))

    async def _whole_head(self, reader_id: UUID, position: Position | None, count: int) -> Head:
        for _ in range(3):
            minute = int(now().timestamp()) // 60
            head = await self._circles.read_head(reader_id.hex, position, count, minute)
            if head.reads > self._limit:
                raise TooManyRequests(headers={**self._rate_limit(head.reads), "Retry-After": _reset()})
            if head.is_whole:
                return head
            await self._rebuilding.rebuild(reader_id)
        raise Unavailable("the Circle is lost faster than it can be rebuilt")

    def _rate_limit(self, reads: int) -> dict[str, str]:
        left = max(0, self._limit - reads)
        return {"RateLimit": f"limit={self._limit}, remaining={left}, reset={_reset()}"}

    async def _page(
        self, reader: str, head: Head, position: Position | None, limit: int, *, lean: bool
    ) -> tuple[_Page, bool]:
        pushed = below(head.entries, position)
        await self._load_stars(head.stars)
        found = self._merged(head, pushed, position, limit + 1)
        page, has_news = await self._hydrate(reader, head, found[:limit], lean=lean)
        if has_news:
            found = self._merged(head, pushed, position, limit + 1)
            if found[:limit] != page.entries:
                page, _ = await self._hydrate(reader, head, found[:limit], lean=lean)
        stored = await self._filling.fill(page.entries, page.stored, lean=lean)
        return _Page(page.entries, stored, page.flags), len(found) > limit

    def _merged(self, head: Head, pushed: list[Entry], position: Position | None, count: int) -> list[Entry]:
        if not head.stars:
            return pushed[:count]
        # What is older than a full page of pushed entries cannot be on it.
        floor = pushed[count - 1] if len(pushed) >= count else None
        return merge(pushed[:count], [self._shelf.cut(star, position, count, floor) for star in head.stars], count)

    async def _load_stars(self, stars: Sequence[str]) -> None:
        missing = self._shelf.missing(stars)
        if not missing:
            return
        replies = await self._circles.wire.run([command for star in missing for command in read_newer(star, None)])
        for at, star in enumerate(missing):
            entries, is_whole = newer(replies[2 * at : 2 * at + 2])
            if not is_whole:
                entries = await self._filling.fill_timeline(star)
            self._shelf.put(star, entries)

    async def _hydrate(self, reader: str, head: Head, entries: list[Entry], *, lean: bool) -> tuple[_Page, bool]:
        """One round trip; also asks celebrities for news and says whether there was any."""
        wanted, wire = Wanted(entries, lean=lean), self._circles.wire
        authors, stale = wanted.authors, self._shelf.stale(head.stars)
        commands = wanted.commands(is_cluster=wire.is_cluster)
        cards = len(commands)
        if authors:
            commands.append(read_standings(reader, authors))
        for star, than in stale:
            commands += read_newer(star, than)
        replies = await wire.run(commands) if commands else []
        held = map(flags_of, replies[cards] if authors else ())
        flags = dict(zip(authors, zip(held, held, strict=True), strict=True))
        has_news = self._shelve([star for star, _ in stale], replies[cards + bool(authors) :])
        return _Page(entries, wanted.stored(replies[:cards]), flags), has_news

    def _shelve(self, stars: Sequence[str], replies: Sequence[object]) -> bool:
        has_news = False
        for at, star in enumerate(stars):
            entries, is_whole = newer(replies[2 * at : 2 * at + 2])
            if is_whole:
                has_news |= self._shelf.add(star, entries)
            else:
                self._shelf.drop(star)
        return has_news

    async def _tidy(self, reader_id: UUID, head: Head, page: _Page) -> None:
        gone = [entry for entry, post in zip(page.entries, page.stored.posts, strict=True) if post.is_gone]
        if gone:
            await self._circles.remove_entries(reader_id.hex, gone)
        clock = now()
        today = day_of(clock.timestamp())
        if head.day < today:
            # Once a day: say that the reader is still there, so that pushes go on and the Circle is kept.
            async with self._database.work() as work:
                await audience.put_active(work, reader_id, clock)
            await self._circles.touch(reader_id.hex, today)


def _items(page: _Page) -> list[bytes]:
    items = []
    for entry, post in zip(page.entries, page.stored.posts, strict=True):
        owner = author_of(entry)
        author = page.stored.authors[owner]
        facts = (*page.flags[owner], post.is_gone, post.is_limited, author.is_private, author.is_gone)
        if post.card and author.card and _SHOWN[facts]:
            items.append(b'{"post":%b,"author":%b,"counts":%b%b' % (post.card, author.card, post.counts, _VIEWER))
    return items


def _reset() -> str:
    return str(60 - int(now().timestamp()) % 60)


def _page_json(items: Sequence[bytes], next_cursor: str | None, following: int) -> bytes:
    cursor = b'"%b"' % next_cursor.encode() if next_cursor else b"null"
    more = b"true" if next_cursor else b"false"
    return b'{"tab":"CIRCLE","items":[%b],"nextCursor":%b,"hasMore":%b,"followingCount":%d}' % (
        b",".join(items),
        cursor,
        more,
        following,
    )
