"""A dead letter goes to its handler again, in process and through the same door as any record.

Not through its topic: other services would read it once more, and a compacted topic would keep the old state of the
key as its newest for ever. The inbox makes a second time harmless, whoever was first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiokafka import ConsumerRecord

from daira_bus.dlq import REDRIVEN_FROM, REDRIVES, DeadLetters
from daira_bus.handling import DEAD, RecordHandler
from daira_bus.letters import FAILED_AGAIN, Letter
from daira_bus.log import Log, Span
from daira_bus.producer import Producer
from daira_bus.subscription import Subscription
from daira_contracts.topics import Kind, topics
from daira_stores.postgres import Database

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`how` is handled, duplicate, ignored (a removal that nobody listens to) or failed again, with its error."""

    how: str
    error: str = ""


class _NextBurial(DeadLetters):
    """The letter that follows a letter: it says how often. One operator's list never stops a consumer."""

    def __init__(self, producer: Producer, prefix: str, letter: Letter) -> None:
        counted = {REDRIVES: str(letter.redrives + 1), REDRIVEN_FROM: str(letter.letter_offset)}
        super().__init__(producer, letter.service, prefix, counted)
        self.error = ""

    async def bury(self, record: ConsumerRecord, error: BaseException, handler: str, attempts: int) -> None:
        await super().bury(record, error, handler, attempts)
        # A line, without the row that PostgreSQL quotes below it: it is shown, and kept with the letter.
        self.error = f"{type(error).__name__}: {error}".partition("\n")[0]

    def count(self, *, dead: bool) -> bool:
        return False


class Redrive:
    """The handlers of one service, for its dead letters."""

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        target: object,
        database: Database,
        producer: Producer,
        prefix: str = "",
    ) -> None:
        self._by_topic = {prefix + one.topic: one for one in subscriptions}
        self._target, self._database, self._producer, self._prefix = target, database, producer, prefix

    def hears(self, topic: str) -> bool:
        """Whether the service still has a handler for this topic."""
        return self._prefix + topic in self._by_topic

    async def again(self, letter: Letter) -> Outcome:
        """Handle it; a failure is buried as the next letter, with one attempt more.

        A dependency that is down is waited for. Raises BrokerUnavailable only where a burial cannot be tried again.
        """
        dead = _NextBurial(self._producer, self._prefix, letter)
        handler = RecordHandler(self._by_topic, self._target, self._database, dead)
        outcome = await handler.handle(letter.record(self._prefix))
        return Outcome(how=FAILED_AGAIN, error=dead.error) if outcome == DEAD else Outcome(how=outcome)


def in_order(letters: Iterable[Letter]) -> list[Letter]:
    """As their topics had them: the order of a key is the order of its offsets."""
    return sorted(letters, key=lambda one: (one.topic, one.partition or 0, one.offset or 0, one.letter_offset))


async def superseded(log: Log, letters: Iterable[Letter], pile: Iterable[Letter]) -> dict[str, int]:
    """Letters of state topics whose key has a newer state in the topic, with that state's offset, by letter id.

    The service holds the newer state, or will: the older one must not come after it. A newer state that is an open
    letter itself (of `pile`) does not count. Reads the topics from the oldest letter on. Raises BrokerUnavailable,
    UnknownTopic.
    """
    oldest: dict[tuple[str, int], int] = {}
    wanted = [letter for letter in letters if _is_state(letter.topic) and place(letter) is not None]
    for letter in wanted:
        at = (letter.topic, letter.partition or 0)
        oldest[at] = min(oldest.get(at, letter.offset or 0), letter.offset or 0)
    if not oldest:
        return {}
    newest = await _newest(log, oldest, {letter.key for letter in wanted}, _dead_places(pile))
    found = {}
    for letter in wanted:
        offset = newest.get((letter.topic, letter.partition or 0, letter.key), -1)
        if offset > (letter.offset or 0):
            found[letter.id] = offset
    return found


def place(letter: Letter) -> Place | None:
    """Where the record lay; None when the letter does not say."""
    if letter.partition is None or letter.offset is None:
        return None
    return (letter.topic, letter.partition, letter.offset)


def _is_state(topic: str) -> bool:
    declared = topics().get(topic)
    return declared is not None and declared.kind is Kind.STATE


def _dead_places(pile: Iterable[Letter]) -> Mapping[tuple[str, int], set[int]]:
    dead: dict[tuple[str, int], set[int]] = defaultdict(set)
    for letter in pile:
        at = place(letter)
        if at is not None:
            dead[at[:2]].add(at[2])
    return dead


async def _newest(
    log: Log,
    oldest: Mapping[tuple[str, int], int],
    keys: set[bytes | None],
    dead: Mapping[tuple[str, int], set[int]],
) -> dict[tuple[str, int, bytes | None], int]:
    spans = [
        Span(topic=one.topic, partition=one.partition, start=max(one.start, oldest[at] + 1), end=one.end)
        for one in await log.spans({topic for topic, _ in oldest})
        if (at := (one.topic, one.partition)) in oldest
    ]
    newest: dict[tuple[str, int, bytes | None], int] = {}
    async for batch in log.read(spans):
        buried = dead.get((batch.topic, batch.partition), set())
        for record in batch.records:
            if record.key in keys and record.offset not in buried:
                newest[batch.topic, batch.partition, record.key] = record.offset
    return newest
