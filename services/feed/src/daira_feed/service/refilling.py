"""Redis made anew from PostgreSQL, page by page, while it is read and written."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from daira_bus.projection import Page
from daira_feed.domain.timeline import Entry
from daira_feed.repository import refills
from daira_feed.repository.cards import GONE, LIMITED, Cards, StoredAuthor
from daira_feed.repository.circles import Circles, Held
from daira_feed.repository.people import Profile, Relation
from daira_feed.repository.refills import Kept
from daira_feed.repository.wire import Command, Wire
from daira_feed.service.people import author_card, blocked_flags, own_flags, put_author_card
from daira_feed.service.rebuilding import day_of
from daira_feed.service.spreading import Spreading
from daira_kit.clock import now
from daira_stores.postgres import Database

READERS, POSTS, PEOPLE = 25, 500, 500
"""How many a page: a Circle has up to a thousand entries, and Redis serves readers meanwhile."""


class Refilling:
    """`kept_seconds`: how long after its last read a Circle is kept. Whoever read nothing since then is passed over."""

    def __init__(
        self, database: Database, wire: Wire, circles: Circles, cards: Cards, spreading: Spreading, kept_seconds: int
    ) -> None:
        self._database, self._wire, self._circles, self._cards = database, wire, circles, cards
        self._spreading, self._kept = spreading, timedelta(seconds=kept_seconds)

    async def count_readers(self) -> int:
        """Those whose Circles are kept."""
        async with self._database.read() as work:
            return await refills.count_readers(work, now() - self._kept)

    async def count_posts(self) -> int:
        """Those that were ever visible."""
        async with self._database.read() as work:
            return await refills.count_posts(work)

    async def count_profiles(self) -> int:
        """Everybody."""
        async with self._database.read() as work:
            return await refills.count_profiles(work)

    async def circles(self, after: str | None, *, dry: bool) -> Page:
        """Circles of some readers hold exactly what PostgreSQL says; `written` and `removed` count entries."""
        clock = now()
        async with self._database.read() as work:
            readers = await refills.read_readers(work, _id(after), clock - self._kept, READERS)
        if not readers:
            return Page(after=None, seen=0, written=0)
        # Looked at before PostgreSQL: what is pushed from here on is not known to us and stays.
        before = await self._circles.read_held([reader.name for reader in readers])
        written, gone = await self._bring_in_line(readers, before, clock, dry=dry)
        removed = sum(len(entries) for entries in gone.values())
        if not dry and removed:
            removed -= await self._put_back(gone)
        last = readers[-1].user_id if len(readers) == READERS else None
        return Page(after=str(last) if last else None, seen=len(readers), written=written, removed=removed)

    async def cards(self, after: str | None, *, dry: bool) -> Page:
        """Cards of some posts, or their tombstones; `written` counts posts."""
        async with self._database.read() as work:
            found = await refills.read_posts(work, _id(after), POSTS)
        wanted = await self._spreading.make_cards(found)
        # Looked at after PostgreSQL: what changed since is ahead of us, and in line.
        pairs = zip(wanted, await self._cards.read_posts(wanted), strict=True)
        wrong = [(one, held) for one, held in pairs if not one.is_held(held)]
        if not dry:
            await self._cards.mend(wrong)
        last = str(found[-1].id) if len(found) == POSTS else None
        return Page(after=last, seen=len(found), written=len(wrong))

    async def authors(self, after: str | None, *, dry: bool) -> Page:
        """Cards of some people."""
        async with self._database.read() as work:
            found = await refills.read_profiles(work, _id(after), PEOPLE)
        stale = [
            profile for profile, held in zip(found, await self._held(found), strict=True) if held != _card(profile)
        ]
        if not dry:
            for profile in stale:
                await put_author_card(self._cards, profile.user_id, profile)
        last = str(found[-1].user_id) if len(found) == PEOPLE else None
        return Page(after=last, seen=len(found), written=len(stale))

    async def _held(self, profiles: Sequence[Profile]) -> list[StoredAuthor]:
        return await self._cards.read_authors([profile.user_id for profile in profiles])

    async def _bring_in_line(
        self, readers: Sequence[Kept], before: Sequence[Held], clock: datetime, *, dry: bool
    ) -> tuple[int, dict[UUID, list[Entry]]]:
        ids = [reader.user_id for reader in readers]
        async with self._database.read() as work:
            wanted = await refills.read_circles(work, ids)
            stars = await refills.read_stars(work, ids)
            unusual = await refills.read_unusual(work, ids)
        written, gone, commands = 0, {}, list[Command]()
        for reader, held in zip(readers, before, strict=True):
            should = wanted.get(reader.user_id, [])
            missing = should if not held.entries else [entry for entry in should if entry not in held.entries]
            extra = _extra(held.entries, should)
            written += len(missing)
            if extra:
                gone[reader.user_id] = extra
            seconds = int((self._kept - (clock - reader.active_at)).total_seconds())
            state = self._state(reader, unusual.get(reader.user_id, []))
            commands += self._circles.refill(
                reader.name,
                missing,
                extra,
                stars.get(reader.user_id, []),
                held.stars,
                state,
                day_of(reader.active_at.timestamp()),
                seconds,
            )
        if not dry:
            await self._wire.run(commands)
        return written, gone

    async def _put_back(self, gone: dict[UUID, list[Entry]]) -> int:
        """What became true again while we took it out, for instance by following again; says how many entries."""
        async with self._database.read() as work:
            wanted = await refills.read_circles(work, list(gone))
        count = 0
        for reader_id, entries in gone.items():
            back = set(wanted.get(reader_id, ())).intersection(entries)
            count += len(back)
            await self._circles.add(reader_id.hex, list(back))
        return count

    def _state(self, reader: Kept, unusual: Sequence[Relation]) -> list[Command]:
        name = reader.name
        commands = [
            self._circles.state(name, "following", reader.following, reader.following_revision),
            self._circles.state(name, "saver", reader.data_saver.value, reader.settings_revision),
        ]
        for held in unusual:
            if held.actor_id == reader.user_id:
                commands.append(self._circles.standing(name, held.target_id.hex, ">", own_flags(held), held.revision))
            if held.target_id == reader.user_id and held.blocks:
                commands.append(
                    self._circles.standing(name, held.actor_id.hex, "<", blocked_flags(held), held.revision)
                )
        return commands


def _extra(held: Collection[Entry], should: Collection[Entry]) -> list[Entry]:
    """What is there and should not be; a member that only has a wrong score is overwritten, not removed."""
    members = {member for _, member in should} if held else set()
    return [entry for entry in held if entry[1] not in members]


def _id(after: str | None) -> UUID:
    return UUID(after) if after else UUID(int=0)


def _card(profile: Profile) -> StoredAuthor:
    card, flag = author_card(profile.user_id, profile)
    return StoredAuthor(card, flag == LIMITED, flag == GONE)
