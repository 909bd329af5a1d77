"""Which records of state topics have a newer state of their key behind them: nobody may put the old one back.

Whoever reads them late, from among the dead letters or from a dump, would undo what their service learnt meanwhile, and
bring back what was removed where no revision is kept of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from daira_bus.log import Log, Span
from daira_contracts.topics import Kind, topics

Place = tuple[str, int, int]
"""Topic, partition, offset."""


def is_state(topic: str) -> bool:
    """Whether the topic carries the whole state of each key, so that the newest record is all that counts."""
    declared = topics().get(topic)
    return declared is not None and declared.kind is Kind.STATE


async def newer_states(
    log: Log, records: Mapping[Place, bytes | None], buried: Iterable[Place] = ()
) -> dict[Place, int]:
    """Of `records` (their keys by place) those whose key has a newer state, or a removal, and at which offset.

    Only state topics are looked at, from the oldest of `records` on. A newer state that is `buried` among the dead
    letters does not count: its handler never took it. Raises BrokerUnavailable, UnknownTopic.
    """
    wanted = {place: key for place, key in records.items() if is_state(place[0])}
    oldest: dict[tuple[str, int], int] = {}
    for topic, partition, offset in wanted:
        oldest[topic, partition] = min(oldest.get((topic, partition), offset), offset)
    if not oldest:
        return {}
    newest = await _newest(log, oldest, set(wanted.values()), buried)
    found = {}
    for (topic, partition, offset), key in wanted.items():
        newer = newest.get((topic, partition, key), -1)
        if newer > offset:
            found[topic, partition, offset] = newer
    return found


async def _newest(
    log: Log, oldest: Mapping[tuple[str, int], int], keys: set[bytes | None], buried: Iterable[Place]
) -> dict[tuple[str, int, bytes | None], int]:
    spans = [
        Span(topic=one.topic, partition=one.partition, start=max(one.start, oldest[at] + 1), end=one.end)
        for one in await log.spans({topic for topic, _ in oldest})
        if (at := (one.topic, one.partition)) in oldest
    ]
    dead: dict[tuple[str, int], set[int]] = defaultdict(set)
    for topic, partition, offset in buried:
        dead[topic, partition].add(offset)
    newest: dict[tuple[str, int, bytes | None], int] = {}
    async for batch in log.read(spans):
        passed_over = dead.get((batch.topic, batch.partition), set())
        for record in batch.records:
            if record.key in keys and record.offset not in passed_over:
                newest[batch.topic, batch.partition, record.key] = record.offset
    return newest
