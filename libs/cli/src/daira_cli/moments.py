"""Moments as people type them."""

import re
from datetime import UTC, datetime, timedelta

from daira_cli.errors import Usage

AGO = re.compile(r"(\d+)(s|m|h|d)")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/s)?")


def moment(text: str | None, now: datetime) -> datetime | None:
    """`2h` (or 30s, 15m, 7d) before `now`, or an ISO date or time; without a zone it is UTC. Raises Usage."""
    if text is None:
        return None
    ago = AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"{text} is no moment", then="2h, 15m, 7d, 2026-11-22 or 2026-11-22T14:30:00+02:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rate(text: str | None) -> float | None:
    """`200/s` or `200`: so many a second. Raises Usage."""
    if text is None:
        return None
    found = RATE.fullmatch(text)
    if not found or float(found[1]) <= 0:
        raise Usage(f"{text} is no rate", then="such as 200/s")
    return float(found[1])
