"""Celebrity timelines this process has seen: they are few and hot, so ids wait here and only news is asked for."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from time import monotonic

import msgspec

from daira_feed.domain.timeline import Entry, Position

FRESH_SECONDS = 0.2
"""So long nobody asks for news: the most by which a celebrity's post can be late."""
RELOAD_SECONDS = 60.0
"""After this a timeline is read whole again, which also drops removed posts."""
OVERLAP_MS = 600_000
"""News is asked for from this long before the newest known: pushes of one author may overtake each other."""
MOST = 5_000


class _Row(msgspec.Struct):
    entries: list[Entry]
    asked_at: float
    loaded_at: float


class Shelf:
    """Entries by author, oldest first inside; the least recently used authors make room."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def missing(self, authors: Sequence[str]) -> list[str]:
        """Those whose whole timeline must be read."""
        limit = monotonic() - RELOAD_SECONDS
        return [author for author in authors if author not in self._rows or self._rows[author].loaded_at < limit]

    def stale(self, authors: Sequence[str]) -> list[tuple[str, int]]:
        """Those who may have news, and from when on to ask (ms)."""
        limit = monotonic() - FRESH_SECONDS
        rows = ((author, self._rows[author]) for author in authors if author in self._rows)
        return [
            (author, row.entries[-1][0] - OVERLAP_MS if row.entries else 0)
            for author, row in rows
            if row.asked_at < limit
        ]

    def put(self, author: str, entries: Sequence[Entry]) -> None:
        """A whole timeline."""
        clock = monotonic()
        self._rows[author] = _Row(entries=sorted(entries), asked_at=clock, loaded_at=clock)
        self._rows.move_to_end(author)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)

    def add(self, author: str, entries: Sequence[Entry]) -> bool:
        """News; true when some of it was not known."""
        row = self._rows.get(author)
        if row is None:
            return False
        row.asked_at = monotonic()
        known = set(row.entries[-len(entries) - 1 :]) if entries else set()
        fresh = [entry for entry in entries if entry not in known and entry not in row.entries]
        if fresh:
            row.entries = sorted([*row.entries, *fresh])
        return bool(fresh)

    def drop(self, author: str) -> None:
        """The stored timeline was lost: read it anew."""
        self._rows.pop(author, None)

    def cut(self, author: str, position: Position | None, count: int, floor: Entry | None = None) -> list[Entry]:
        """The newest `count` below `position` and above `floor`, newest first."""
        row = self._rows.get(author)
        if row is None or not row.entries:
            return []
        entries, end = row.entries, len(row.entries)
        if floor is not None and entries[-1] < floor:
            return []
        if position is not None:
            end = bisect_left(entries, (position[0], bytes.fromhex(position[1])))
        start = max(0, end - count)
        if floor is not None:
            start = bisect_left(entries, floor, start, end)
        return entries[start:end][::-1]
