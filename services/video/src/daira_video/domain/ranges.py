"""HTTP ranges (RFC 9110, 14): one range of bytes; anything more elaborate gets the whole."""

import re

import msgspec

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Span(msgspec.Struct, frozen=True):
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int


def parse_range(raw: str | None, size: int) -> Span | None:
    """None means the whole; an empty span means that the range lies outside."""
    found = _ONE_RANGE.fullmatch(raw.strip()) if raw else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return Span(max(size - int(found[2]), 0), size)
    end = min(int(found[2]) + 1, size) if found[2] else size
    return Span(int(found[1]), max(end, int(found[1]))) if int(found[1]) < size else Span(size, size)
