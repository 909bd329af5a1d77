"""Timelines in memory: entries ordered by (time, id), merged and cut by a cursor."""

import heapq
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

CIRCLE_SIZE = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
Entry: TypeAlias = tuple[int, bytes]
"""(published at in ms, 16 bytes of post id + 16 bytes of author id); newest = largest."""
Position: TypeAlias = tuple[int, str]
"""(published at in ms, post id as 32 hex digits): the last entry a reader got."""


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, exactly as PostgreSQL floors them (a float would sometimes be one off)."""
    return (moment - _EPOCH) // _MS


def whole_ms(moment: datetime) -> datetime:
    """The moment without its microseconds, so that every store orders it alike."""
    return _EPOCH + to_ms(moment) * _MS


def entry_of(published_ms: int, post_hex: str, author_hex: str) -> Entry:
    """The same post always makes the same entry, so writing it twice changes nothing."""
    return published_ms, bytes.fromhex(post_hex + author_hex)


def post_of(entry: Entry) -> str:
    """The post's id as 32 hex digits."""
    return entry[1][:16].hex()


def author_of(entry: Entry) -> str:
    """The author's id as 32 hex digits."""
    return entry[1][16:].hex()


def position_of(entry: Entry) -> Position:
    """Where a page ends that ends with `entry`."""
    return entry[0], post_of(entry)


def below(entries: Iterable[Entry], position: Position | None) -> list[Entry]:
    """What comes after `position` for somebody scrolling down."""
    if position is None:
        return list(entries)
    bound = position[0], bytes.fromhex(position[1])
    # A 16-byte bound sorts before every 32-byte entry of the same post, so that post itself is left out.
    return [entry for entry in entries if entry < bound]


def merge(pushed: Sequence[Entry], pulled: Iterable[Sequence[Entry]], count: int) -> list[Entry]:
    """The newest `count` of all, each once, newest first; each input is newest first itself."""
    found: list[Entry] = []
    for entry in heapq.merge(pushed, *pulled, reverse=True):
        if found and entry == found[-1]:
            continue  # pushed before its author became a celebrity
        found.append(entry)
        if len(found) == count:
            break
    return found
