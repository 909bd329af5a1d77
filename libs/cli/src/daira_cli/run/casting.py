"""Which records of a dump a service hears, as they are or made newer."""

from collections.abc import Mapping, Sequence

import msgspec

from daira_bus.log import Record, record_of
from daira_bus.subscription import Subscription
from daira_cli.dump.lines import Line
from daira_cli.errors import Usage
from daira_cli.run.reading import Dump
from daira_contracts.upcasting import Upcast, are_versions_of_one, missing_fields, path_between

FILE = "contracts/src/daira_contracts/upcasting.py"


class Casting:
    """Turns lines into the records that the service's handlers take."""

    def __init__(self, steps: Mapping[str, Sequence[Upcast]]) -> None:
        """`steps` by the dump's topic; topics that are not in it are not heard."""
        self._steps = steps

    @classmethod
    def plan(cls, dump: Dump, subscriptions: Mapping[str, Subscription], upcasts: Sequence[Upcast]) -> "Casting":
        """Raises Usage when the service hears another version and no upcast leads there, or nothing at all."""
        steps: dict[str, Sequence[Upcast]] = {}
        for topic in {original(name) for name in dump.topics}:
            found = [path_between(topic, heard, upcasts) for heard in subscriptions]
            path = min((one for one in found if one is not None), key=len, default=None)
            if path is not None:
                steps[topic] = path
                continue
            other = next((heard for heard in subscriptions if are_versions_of_one(topic, heard)), None)
            if other is not None:
                raise _no_upcast(dump, topic, subscriptions[other])
        if not steps:
            raise Usage(
                f"the service hears none of {', '.join(dump.topics) or 'the records of an empty dump'}",
                then=f"it hears {', '.join(sorted(subscriptions)) or 'nothing yet'}",
                code="nothing_heard",
            )
        return cls(steps)

    def hears(self, topic: str) -> bool:
        """Whether records of the dump's topic go to a handler."""
        return original(topic) in self._steps

    def record(self, line: Line) -> Record:
        """As the handler takes it. What is no JSON object stays as it is: then the consumer finds the mistake."""
        topic, value = original(line.topic), line.value_bytes
        for step in self._steps[topic]:
            topic = step.to_topic
            body = _object(value)
            if body is not None:
                value = msgspec.json.encode(step.change(body))
        return record_of(
            topic,
            line.key_bytes,
            value,
            line.header_bytes,
            partition=line.partition,
            offset=line.offset,
            timestamp=line.timestamp,
        )


def original(topic: str) -> str:
    """Where a dead letter came from; any other topic is its own origin."""
    return topic.partition(".dlq.")[0]


def _no_upcast(dump: Dump, topic: str, wanted: Subscription) -> Usage:
    lines = (dump.line(entry) for entry in dump.entries if original(entry.topic) == topic)
    body = next((found for found in map(_object, (line.value_bytes for line in lines)) if found is not None), {})
    fields = missing_fields(body, wanted.event_type)
    lacking = f"; the old records lack {', '.join(fields)}" if fields else ""
    return Usage(
        f"the dump holds {topic} and this code hears {wanted.topic}{lacking}",
        then=f"write the step in {FILE}: "
        f'Upcast(from_topic="{topic}", to_topic="{wanted.topic}", change=…) and add it to UPCASTS',
        code="no_upcast",
    )


def _object(value: bytes | None) -> dict[str, object] | None:
    try:
        found = msgspec.json.decode(value or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
