"""The only place that reads the wall clock, so that tests and rules can find it."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""A time-zone aware datetime; on the wire RFC 3339."""


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, the score of sorted sets and the unit of wire timestamps."""
    return int(moment.timestamp() * 1000)
