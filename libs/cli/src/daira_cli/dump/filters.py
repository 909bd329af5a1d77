"""Which records of a range are wanted."""

import re
from collections.abc import Sequence

import msgspec

from daira_bus.log import LogRecord
from daira_cli.dump.manifest import Filters
from daira_cli.errors import Usage
from daira_contracts.topics import topics
from daira_kit.clock import epoch_ms

FIELD = re.compile(r"[a-z][A-Za-z]*")
"""As contracts name fields: ids have digits, and words of a contract are upper-case."""


class Sieve:
    """Filters made ready for one topic."""

    def __init__(self, filters: Filters, topic: str) -> None:
        self._since = None if filters.since is None else epoch_ms(filters.since)
        self._until = None if filters.until is None else epoch_ms(filters.until)
        self._keys = [_KeyTest(wanted, topic) for wanted in filters.keys]
        self._headers = [tuple(wanted.partition("=")) for wanted in filters.headers]

    @property
    def takes_all(self) -> bool:
        """True when nothing is filtered out."""
        return self._since is None and self._until is None and not self._keys and not self._headers

    def takes(self, record: LogRecord) -> bool:
        """Whether the record is wanted: inside the times by its own timestamp, of one of the keys, with all headers."""
        return self._is_in_time(record.timestamp) and self._has_key(record) and self._has_headers(record)

    def _is_in_time(self, timestamp: int) -> bool:
        late_enough = self._since is None or timestamp >= self._since
        return late_enough and (self._until is None or timestamp < self._until)

    def _has_key(self, record: LogRecord) -> bool:
        if not self._keys:
            return True
        key = (record.key or b"").decode(errors="replace")
        return any(test.fits(key) for test in self._keys)

    def _has_headers(self, record: LogRecord) -> bool:
        found = [(name, (value or b"").decode(errors="replace")) for name, value in record.headers]
        return all(
            any(name == wanted and (not equals or text == value) for name, text in found)
            for wanted, equals, value in self._headers
        )


class _KeyTest:
    """A whole key, one part of it (`42` in `42:43`), or a part by its field (`user:42`, `userId:42`)."""

    def __init__(self, wanted: str, topic: str) -> None:
        self._wanted = wanted
        field, _, self._value = wanted.partition(":")
        self._place = _place(field, _fields(topic))

    def fits(self, key: str) -> bool:
        parts = key.split(":")
        if self._place is not None and self._value:
            return len(parts) > self._place and parts[self._place] == self._value
        return key == self._wanted or self._wanted in parts


def check_key(wanted: str, topic: str) -> None:
    """Raises Usage for `field:value` where the topic's key has no such field: it would find nothing."""
    field, colon, _ = wanted.partition(":")
    fields = _fields(topic)
    if colon and fields and FIELD.fullmatch(field) and _place(field, fields) is None:
        raise Usage(
            f"the key of {topic} has no field {field}",
            then=f"it is made of {', '.join(fields)}; a whole key, or a part of it, is found without a field",
            code="no_such_field",
        )


def _fields(topic: str) -> tuple[str, ...]:
    declared = topics().get(topic.partition(".dlq.")[0])
    return declared.key if declared else ()


def _place(field: str, fields: Sequence[str]) -> int | None:
    fits = (name.lower() in (field.lower(), f"{field.lower()}id") for name in fields)
    return next((place for place, fit in enumerate(fits) if fit), None)


def fingerprint(parts: object) -> str:
    """The same wishes give the same text; a half-finished dump is only continued with the wishes it began with."""
    return msgspec.json.encode(parts, order="sorted", enc_hook=str).decode()
