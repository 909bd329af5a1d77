"""Timelines of authors whose posts are merged at read time; whole, or to be loaded again."""

from collections.abc import Sequence

from daira_feed.domain.timeline import CIRCLE_SIZE, Entry
from daira_feed.repository import keys
from daira_feed.repository.circles import MARK, entries_of
from daira_feed.repository.wire import Command, Reply, Wire, pack

_TRIM = ("0", str(-CIRCLE_SIZE - 2))


class Timelines:
    """Sorted sets as Circles are, one an author."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def add(self, author: str, entries: Sequence[Entry], *, is_whole: bool = False) -> None:
        """`is_whole`: with these it holds all there is, so readers may trust it."""
        key = keys.timeline(author)
        commands = [
            pack("ZADD", key, *(part for entry in entries[at : at + 500] for part in entry))
            for at in range(0, len(entries), 500)
        ]
        if is_whole:
            commands.append(pack("ZADD", key, "inf", MARK))
        await self._wire.run([*commands, pack("ZREMRANGEBYRANK", key, *_TRIM)])

    async def remove(self, author: str, entry: Entry) -> None:
        """One entry; no timeline is no reason to make one."""
        await self._wire.run([pack("ZREM", keys.timeline(author), entry[1])])

    async def drop(self, author: str) -> None:
        """Nobody merges this author any more."""
        await self._wire.run([pack("DEL", keys.timeline(author))])


def read_newer(author: str, than: int | None) -> list[Command]:
    """Entries from that millisecond on (all for None) and the mark; read by `newer`."""
    key = keys.timeline(author)
    return [
        pack("ZRANGE", key, "(inf", "-inf" if than is None else than, "BYSCORE", "REV", "WITHSCORES"),
        pack("ZSCORE", key, MARK),
    ]


def newer(replies: Sequence[Reply]) -> tuple[list[Entry], bool]:
    """The entries, newest first, and whether the timeline is whole."""
    return entries_of(replies[0]), replies[1] is not None
