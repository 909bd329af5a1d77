"""HTTP ranges (RFC 9110, 14): one range of bytes; anything more elaborate gets the whole."""

import re

import msgspec

from daira_media.errors import RangeNotSatisfiable

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Span(msgspec.Struct, frozen=True):
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int


def parse_range(raw: str | None, size: int) -> Span | None:
    """None means the whole. Raises RangeNotSatisfiable for a range outside."""
    found = ONE_RANGE.fullmatch(raw.strip()) if raw else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    if start >= end:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return Span(start, end)
