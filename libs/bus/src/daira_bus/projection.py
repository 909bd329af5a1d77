"""What tables built from topics are made of, so that they can be built again beside the live ones, by the same code."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal
from uuid import UUID

import msgspec

from daira_contracts._event import Event
from daira_stores.shadow import Table
from daira_stores.work import Work

__all__ = [
    "Changes",
    "Folded",
    "Gap",
    "Page",
    "Projection",
    "Rebuildable",
    "Refill",
    "Restore",
    "Source",
    "Table",
    "afterwards",
    "by_id",
    "fold",
]

Put = Callable[[Work, Sequence[Any]], Awaitable[object]]
Remove = Callable[[Work, Sequence[str]], Awaitable[object]]
Key = tuple[Any, ...]
Changes = Mapping[str, Sequence[Key]]
"""By table the keys of the rows that a rebuild adds, changes or removes."""
React = Callable[[Work, Any, Changes], AbstractAsyncContextManager[None]]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that feeds a projection: the very functions its live handlers call with one event.

    `put` gets events of different keys and lets a lower revision lose; `remove` gets keys of removed records.
    """

    event_type: type[Event]
    put: Put
    remove: Remove | None = None

    @property
    def topic(self) -> str:
        """Without a test's prefix."""
        return self.event_type.topic


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Tables that are a function of topics.

    `derive` computes what is counted from rows of these tables once all of them are there.
    `react(work, service, changes)` is entered before the changed rows are written and left afterwards, in the same
    transaction: whatever else a handler does when it takes news in belongs there.
    `locks` names the tables whose writers wait during the swap, in the order in which handlers take them; without any
    they are all of `tables`.
    """

    name: str
    about: str
    sources: tuple[Source, ...]
    tables: tuple[Table, ...]
    locks: tuple[str, ...] = ()
    derive: Callable[[Work], Awaitable[None]] | None = None
    react: React | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a refill. `after` is where the next one begins, None at the end; the rest are counts."""

    after: str | None
    seen: int
    written: int
    removed: int = 0


class Refill(msgspec.Struct, frozen=True, kw_only=True):
    """What another store (Redis) holds as a function of this service's own rows; every step may be repeated.

    `step(service, after, dry)` brings one page in line, or with `dry` only counts; `count(service)` says how many
    there are to see.
    """

    name: str
    about: str
    step: Callable[[Any, str | None, bool], Awaitable[Page]]
    count: Callable[[Any], Awaitable[int]]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of another store are not there, and how many are there and say something else."""

    missing: int
    differing: int


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of another store (Cassandra) that are a function of one topic of facts; every write may be repeated.

    `put(work, service, events)` writes events of any keys, each id once: the first in the topic, as the live handler's
    inbox lets it; `compare` looks for what `put` would write and writes nothing. `work` is this service's database, to
    see who was erased.
    """

    name: str
    about: str
    event_type: type[Event]
    put: Callable[[Work, Any, Sequence[Any]], Awaitable[object]]
    compare: Callable[[Work, Any, Sequence[Any]], Awaitable[Gap]]


Rebuildable = Projection | Refill | Restore


def by_id(remove: Callable[[Work, Sequence[UUID]], Awaitable[object]]) -> Remove:
    """A removal that takes ids, for topics whose key is one."""

    async def remove_keys(work: Work, keys: Sequence[str]) -> None:
        await remove(work, [UUID(key) for key in keys])

    return remove_keys


def afterwards(hook: Callable[[Work, Any, Changes], Awaitable[None]]) -> React:
    """A reaction that need not see what was there before."""

    @asynccontextmanager
    async def react(work: Work, service: Any, changes: Changes) -> AsyncIterator[None]:
        yield
        await hook(work, service, changes)

    return react


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with each key once: what was removed in it goes first, then what was put last."""

    removed: list[str]
    puts: list[Event]


def fold(records: Iterable[tuple[bytes, Event | None]]) -> Folded:
    """Of each key the newest revision since its last removal (of equal ones the last); `None` is a removal."""
    removed: dict[bytes, Literal[True]] = {}
    puts: dict[bytes, Event] = {}
    for key, event in records:
        if event is None:
            removed[key] = True
            puts.pop(key, None)
            continue
        held = puts.get(key)
        if held is None or held.revision <= event.revision:
            puts[key] = event
    return Folded(removed=[key.decode() for key in removed], puts=list(puts.values()))
