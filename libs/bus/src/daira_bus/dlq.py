"""Dead letters: the record as it was, plus why. And the limit after which a consumer stops instead."""

import traceback
from collections import deque

from aiokafka import ConsumerRecord

from daira_bus.producer import Producer
from daira_contracts.topics import dead_letter_name, topics
from daira_kit.clock import now
from daira_kit.errors import DairaError
from daira_observe.private import without_values

WINDOW = 100
MIN_DEAD = 20
MAX_RATIO = 0.5
STACK_CHARACTERS = 8_000


class DeadLetters:
    """Sends records that cannot be handled to `<topic>.dlq.<service>`, confirmed before anything is committed."""

    def __init__(self, producer: Producer, service: str, prefix: str = "") -> None:
        self._producer, self._service, self._prefix = producer, service, prefix
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)

    async def bury(self, record: ConsumerRecord, error: BaseException, handler: str, attempts: int) -> None:
        """Raises BrokerUnavailable; the caller tries again, because the record must not be lost."""
        topic = record.topic.removeprefix(self._prefix)
        why = {
            "daira-original-topic": topic,
            "daira-original-partition": str(record.partition),
            "daira-original-offset": str(record.offset),
            "daira-handler": handler,
            "daira-error-code": error.code if isinstance(error, DairaError) else type(error).__name__,
            "daira-error": without_values(str(error))[:1000],
            "daira-stack": without_values("".join(traceback.format_exception(error)))[-STACK_CHARACTERS:],
            "daira-attempts": str(attempts),
            "daira-dead-at": now().isoformat(),
        }
        headers = [*record.headers, *((name, value.encode()) for name, value in why.items())]
        await self._producer.send(dead_letter_name(topic, self._service), record.key, record.value, headers)

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
