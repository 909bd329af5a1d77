"""Which ids and moments of an outcome came from the dump, and which the run made up."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from daira_cli.dump.lines import Line
from daira_cli.run.outcome import Outcome

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
"""UUIDs, and the 128 random bits of a capability such as a playback id."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?")


class Origins:
    """Remembers what the lines so far hold. Only the run can: a result does not show all that its records held."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def read(self, line: Line) -> None:
        """A line more, whether or not the service hears it."""
        headers = (value for _, value in line.header_bytes)
        for text in (line.key_bytes, line.value_bytes, *headers):
            for found in _found((text or b"").decode(errors="replace")):
                self._known.update(_forms(found))

    def made(self, outcome: Outcome) -> tuple[str, ...]:
        """What no line so far held, in order of appearance."""
        failure = outcome.failure and outcome.failure.message
        text = msgspec.json.encode([outcome.changes, outcome.told, outcome.left, failure]).decode()
        return tuple(found for found in dict.fromkeys(_found(text)) if plain(found) not in self._known)


def plain(text: str) -> str:
    """An id or a moment as it is compared: PostgreSQL and our JSON write the same one differently."""
    return next(_forms(text))


def _forms(text: str) -> Iterator[str]:
    moment = _moment(text)
    if moment is None:
        yield text.replace("-", "")
        return
    yield moment.isoformat()
    yield moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat()  # Cassandra keeps milliseconds


def _moment(text: str) -> datetime | None:
    if MOMENT.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February: it came from somebody's JSON
        return None


def _found(text: str) -> Iterator[str]:
    for pattern in (ID, MOMENT):
        yield from pattern.findall(text)
