"""Dead letters: the record as it was, plus why. And the limit after which a consumer stops instead."""

import traceback
from collections import deque
from collections.abc import Mapping

from aiokafka import ConsumerRecord

from daira_bus.errors import RecordTooLarge
from daira_bus.producer import Producer
from daira_contracts.topics import dead_letter_name, topics
from daira_kit.clock import now
from daira_kit.errors import DairaError
from daira_observe.private import without_values

WINDOW = 100
MIN_DEAD = 20
MAX_RATIO = 0.5
STACK_CHARACTERS = 8_000


ORIGINAL_TOPIC = "daira-original-topic"
ORIGINAL_PARTITION = "daira-original-partition"
ORIGINAL_OFFSET = "daira-original-offset"
HANDLER = "daira-handler"
ERROR_CODE = "daira-error-code"
ERROR = "daira-error"
STACK = "daira-stack"
TRIES = "daira-attempts"
DEAD_AT = "daira-dead-at"
REDRIVES = "daira-redrives"
"""How often an operator has sent the record to its handler again; absent: never."""
REDRIVEN_FROM = "daira-redriven-from"
"""The offset of the dead letter that this one follows: it was redriven and failed again."""
VALUE_LEFT_OUT = "daira-value-left-out"
"""Bytes of a value that no dead letter can carry: it lies where the record lay."""
CAUSES = frozenset(
    {
        *(ORIGINAL_TOPIC, ORIGINAL_PARTITION, ORIGINAL_OFFSET, HANDLER),
        *(ERROR_CODE, ERROR, STACK, TRIES, DEAD_AT, REDRIVES, REDRIVEN_FROM, VALUE_LEFT_OUT),
    }
)


class DeadLetters:
    """Sends records that cannot be handled to `<topic>.dlq.<service>`, confirmed before anything is committed."""

    def __init__(
        self, producer: Producer, service: str, prefix: str = "", more: Mapping[str, str] | None = None
    ) -> None:
        """`more` are headers that each letter gets on top."""
        self._producer, self._service, self._prefix, self._more = producer, service, prefix, more or {}
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)

    async def bury(self, record: ConsumerRecord, error: BaseException, handler: str, attempts: int) -> None:
        """Raises BrokerUnavailable; the caller tries again, because the record must not be lost."""
        topic = record.topic.removeprefix(self._prefix)
        why = {
            ORIGINAL_TOPIC: topic,
            ORIGINAL_PARTITION: str(record.partition),
            ORIGINAL_OFFSET: str(record.offset),
            HANDLER: handler,
            ERROR_CODE: error.code if isinstance(error, DairaError) else type(error).__name__,
            ERROR: without_values(str(error))[:1000],
            STACK: without_values("".join(traceback.format_exception(error)))[-STACK_CHARACTERS:],
            TRIES: str(attempts),
            DEAD_AT: now().isoformat(),
            **self._more,
        }
        headers = [(name, value) for name, value in record.headers if name not in CAUSES]  # the only word on why
        headers += [(name, value.encode(errors="replace")) for name, value in why.items()]
        name = dead_letter_name(topic, self._service)
        try:
            await self._producer.send(name, record.key, record.value, headers)
        except RecordTooLarge:  # somebody raised its topic's limit
            left_out = (VALUE_LEFT_OUT, str(len(record.value or b"")).encode())
            await self._producer.send(name, record.key, None, [*headers, left_out])

    async def forget(self, record: ConsumerRecord) -> None:
        """A key was removed: what it said does not outlive it among the dead letters. Raises BrokerUnavailable."""
        topic = record.topic.removeprefix(self._prefix)
        declared = topics().get(topic)
        if declared is not None and declared.is_forgotten_by_key and record.key is not None:
            await self._producer.send(dead_letter_name(topic, self._service), record.key, None, [])

    def count(self, *, dead: bool) -> bool:
        """Note one outcome; True when so many recent records died that the consumer must stop."""
        self._outcomes.append(dead)
        died = sum(self._outcomes)
        return died >= MIN_DEAD and died / len(self._outcomes) > MAX_RATIO
