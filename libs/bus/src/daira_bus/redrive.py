"""A dead letter goes to its handler again, in process and through the same door as any record.

Not through its topic: other services would read it once more, and a compacted topic would keep the old state of the
key as its newest for ever. The inbox makes a second time harmless, whoever was first.
"""

from collections.abc import Iterable, Sequence

import msgspec
from aiokafka import ConsumerRecord

from daira_bus.dlq import REDRIVEN_FROM, REDRIVES, DeadLetters
from daira_bus.handling import DEAD, RecordHandler
from daira_bus.letters import FAILED_AGAIN, Letter
from daira_bus.log import Log
from daira_bus.newer import Place, newer_states
from daira_bus.producer import Producer
from daira_bus.subscription import Subscription
from daira_stores.postgres import Database


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


async def superseded(log: Log, letters: Sequence[Letter], pile: Iterable[Letter]) -> dict[str, int]:
    """Letters of state topics whose key has a newer state in the topic, with that state's offset, by letter id.

    The service holds the newer state, or will: the older one must not come after it. A newer state that is an open
    letter itself (of `pile`) does not count. Raises BrokerUnavailable, UnknownTopic.
    """
    placed = [(at, letter) for letter in letters if (at := place(letter)) is not None]
    newer = await newer_states(log, {at: letter.key for at, letter in placed}, places(pile))
    return {letter.id: newer[at] for at, letter in placed if at in newer}


def place(letter: Letter) -> Place | None:
    """Where the record lay; None when the letter does not say."""
    if letter.partition is None or letter.offset is None:
        return None
    return (letter.topic, letter.partition, letter.offset)


def places(letters: Iterable[Letter]) -> list[Place]:
    """Of those that say it."""
    return [at for letter in letters if (at := place(letter)) is not None]
