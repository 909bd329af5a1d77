"""One record of a topic as one line of JSON, and back: byte for byte, also what is no JSON and no text."""

from base64 import b64decode, b64encode
from typing import TypeAlias

import msgspec

from daira_bus.log import LogRecord

NULL = msgspec.Raw(b"null")
NOTHING = msgspec.Raw()
JSON = msgspec.json.Decoder(msgspec.Raw)
"""Checks the syntax and makes nothing of it; that strings are text is for the caller to see."""
Header: TypeAlias = tuple[str, str | None] | tuple[str, None, str]
"""(name, text), (name, null) for a header without a value, or (name, null, base64) for one that is no text."""


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`value` holds a JSON value as it was, or null for a tombstone; anything else is in `value_base64`."""

    topic: str
    """Without a prefix."""
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970, by the producer's clock."""
    key: str | None = None
    key_base64: str | None = None
    value: msgspec.Raw = NOTHING
    value_base64: str | None = None
    headers: tuple[tuple[str | None, ...], ...] = ()

    @property
    def key_bytes(self) -> bytes | None:
        """As Kafka had it."""
        if self.key_base64 is not None:
            return b64decode(self.key_base64)
        return None if self.key is None else self.key.encode()

    @property
    def value_bytes(self) -> bytes | None:
        """As Kafka had it; None for a tombstone."""
        if self.value_base64 is not None:
            return b64decode(self.value_base64)
        raw = bytes(self.value)
        return None if raw in (b"null", b"") else raw

    @property
    def header_bytes(self) -> list[tuple[str, bytes | None]]:
        """As Kafka had them."""
        return [(str(name), _header_value(rest)) for name, *rest in self.headers]

    def header(self, name: str) -> str:
        """The text of the first header of that name; empty when there is none."""
        return next((value.decode(errors="replace") for key, value in self.header_bytes if key == name and value), "")


def line_of(topic: str, partition: int, record: LogRecord) -> Line:
    """The line of one record; `topic` without a prefix."""
    key, value = record.key, record.value
    try:
        # Nearly every record: all of it text, and a JSON value on one line. Comprehensions, because dumps are long.
        if key is None or value is None or not _fits_a_line(value):
            return _odd_line(topic, partition, record)
        return Line(
            topic=topic,
            partition=partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=key.decode(),
            value=msgspec.Raw(value),
            # One without a value raises, and goes the long way.
            headers=tuple([(name, content.decode()) for name, content in record.headers]),  # type: ignore[union-attr]
        )
    except (UnicodeDecodeError, AttributeError):
        return _odd_line(topic, partition, record)


def _odd_line(topic: str, partition: int, record: LogRecord) -> Line:
    key, key64 = _text(record.key)
    value, value64 = _json(record.value)
    return Line(
        topic=topic,
        partition=partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=key,
        key_base64=key64,
        value=value,
        value_base64=value64,
        headers=tuple(_header(name, content) for name, content in record.headers),
    )


def _header(name: str, content: bytes | None) -> tuple[str | None, ...]:
    text, encoded = _text(content)
    return (name, text) if encoded is None else (name, None, encoded)


def _header_value(rest: list[str | None]) -> bytes | None:
    if len(rest) > 1 and rest[1] is not None:
        return b64decode(rest[1])
    return None if not rest or rest[0] is None else rest[0].encode()


def _text(content: bytes | None) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    try:
        return content.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(content).decode()


def _json(content: bytes | None) -> tuple[msgspec.Raw, str | None]:
    if content is None:
        return NULL, None
    return (msgspec.Raw(content), None) if _fits_a_line(content) else (NOTHING, b64encode(content).decode())


def _fits_a_line(content: bytes) -> bool:
    # The bytes are copied as they are: they must be one JSON value without a line break, and `null` is the tombstone's.
    if b"\n" in content or b"\r" in content or content == b"null" or content.strip() != content:
        return False
    try:
        JSON.decode(content)
        return content.isascii() or bool(content.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
