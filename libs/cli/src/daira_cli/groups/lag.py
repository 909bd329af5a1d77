"""How far a group is behind: in records, and in time."""

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec

from daira_bus.groups import Group, Groups, Place
from daira_bus.log import Log, Span
from daira_contracts.topics import grouped_consumers, topics

GROUP_OF_SERVICE = "daira."


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One partition: what the broker holds (`start` to `end`, exclusive) and where the group goes on (None: never)."""

    topic: str
    partition: int
    start: int
    end: int
    committed: int | None
    waits_since: datetime | None = None
    """When the oldest unread record was written."""

    @property
    def place(self) -> Place:
        return self.topic, self.partition

    @property
    def position(self) -> int:
        """The next offset the group reads; one that never committed begins at the earliest record."""
        return self.start if self.committed is None else self.committed

    @property
    def lag(self) -> int:
        """Records to be read, at most: compaction may have removed some."""
        return max(0, self.end - max(self.position, self.start))

    @property
    def lost(self) -> int:
        """Offsets the broker has deleted and the group never read."""
        return 0 if self.committed is None else max(0, self.start - self.committed)


class GroupLag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A group with all its partitions."""

    group: Group
    partitions: tuple[Progress, ...]

    @property
    def lag(self) -> int:
        return sum(one.lag for one in self.partitions)

    @property
    def waits_since(self) -> datetime | None:
        """When the oldest unread record of all was written; None unless it was asked for."""
        return min((one.waits_since for one in self.partitions if one.waits_since), default=None)


def full_name(name: str) -> str:
    """`daira.feed` for `feed`: groups are named after their services."""
    return name if name.startswith(GROUP_OF_SERVICE) else f"{GROUP_OF_SERVICE}{name}"


def declared_topics(group: str) -> set[str]:
    """What the group's service hears by contract."""
    service = group.removeprefix(GROUP_OF_SERVICE)
    return {name for name, topic in topics().items() if service in grouped_consumers(topic)}


async def lag_of(groups: Groups, log: Log, name: str, *, since: bool = False) -> GroupLag:
    """Lag of every partition the group committed or its service hears; with `since`, how old the oldest unread is.

    Topics the broker does not have are left out. Raises BrokerUnavailable.
    """
    group, committed = await groups.describe(name), await groups.committed(name)
    known = (await log.topics()).keys()
    spans = await log.spans(sorted(({topic for topic, _ in committed} | declared_topics(name)) & known))
    partitions = [_progress(span, committed) for span in spans]
    if since:
        times = await oldest_unread(log, partitions)
        partitions = [msgspec.structs.replace(one, waits_since=times.get(one.place)) for one in partitions]
    return GroupLag(group=group, partitions=tuple(partitions))


async def oldest_unread(log: Log, partitions: Iterable[Progress]) -> dict[Place, datetime]:
    """When the next record of each lagging partition was written."""
    found: dict[Place, datetime] = {}
    for one in partitions:
        if not one.lag:
            continue
        span = Span(topic=one.topic, partition=one.partition, start=max(one.position, one.start), end=one.end)
        async with aclosing(log.read([span])) as batches:
            async for batch in batches:
                if batch.records:
                    found[one.place] = datetime.fromtimestamp(batch.records[0].timestamp / 1000, UTC)
                    break
    return found


def age(since: datetime | None, now: datetime) -> str:
    """`3 min` for people."""
    if since is None:
        return ""
    seconds = max(timedelta(0), now - since).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _progress(span: Span, committed: Mapping[Place, int]) -> Progress:
    return Progress(
        topic=span.topic,
        partition=span.partition,
        start=span.start,
        end=span.end,
        committed=committed.get((span.topic, span.partition)),
    )
