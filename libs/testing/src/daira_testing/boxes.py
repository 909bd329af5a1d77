"""Surgery on media files: boxes of MP4 replaced with all sizes kept true, and Matroska written element by element."""

import struct
from collections.abc import Iterator


def box(name: bytes, *content: bytes) -> bytes:
    """One MP4 box."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """One MP4 box that begins with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def replaced(body: bytes, path: str, new: bytes, *, track: int = 0) -> bytes:
    """`body` with the box at `path` (`moov/trak/mdia/mdhd`, in that track) replaced by `new`; empty removes it.

    Only what lies behind the media data may be changed: offsets into it stay as they are. Raises ValueError when
    there is no such box.
    """
    first, _, rest = path.partition("/")
    parts, turn, found = [], 0, False
    for name, part in _boxes(body):
        if name.decode("latin-1") == first and not found:
            if turn == (track if first == "trak" else 0):
                found = True
                parts.append(box(name, replaced(part[8:], rest, new, track=track)) if rest else new)
                continue
            turn += 1
        parts.append(part)
    if not found:
        raise ValueError(f"there is no {first}")
    return b"".join(parts)


def found(body: bytes, path: str, *, track: int = 0) -> bytes:
    """The content of the box at `path`, without its head. Raises ValueError when there is no such box."""
    for name in path.split("/"):
        same = [part[8:] for one, part in _boxes(body) if one.decode("latin-1") == name]
        place = track if name == "trak" else 0
        if place >= len(same):
            raise ValueError(f"there is no {name}")
        body = same[place]
    return body


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(body):
        size, name = struct.unpack_from(">I4s", body, place)
        yield name, body[place : place + size]
        place += size


def element(number: int, *content: bytes, size: int | None = None) -> bytes:
    """One EBML element; `size` is what it claims to hold, when that is a lie."""
    body = b"".join(content)
    width = (number.bit_length() + 7) // 8
    claimed = len(body) if size is None else size
    return number.to_bytes(width, "big") + (1 << 56 | claimed).to_bytes(8, "big") + body


def whole(number: int, value: int) -> bytes:
    """One EBML element that holds an unsigned number."""
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def matroska(*segment: bytes, kind: bytes = b"matroska") -> bytes:
    """A Matroska file of these elements of its segment."""
    head = element(0x1A45DFA3, whole(0x4286, 1), element(0x4282, kind), whole(0x4287, 4), whole(0x4285, 2))
    return head + element(0x18538067, *segment)
