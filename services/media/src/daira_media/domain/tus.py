"""tus 1.0: what its headers say. Text: https://tus.io/protocols/resumable-upload (1.0.0, 2016-03-25)."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec

from daira_media.errors import ChecksumUnsupported, ContentTypeWrong, HeaderInvalid, VersionUnsupported

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
ALGORITHMS = {"sha1": 20, "sha256": 32}
"""Checksum algorithms and the length of their digests in bytes."""
CHUNK_TYPE = "application/offset+octet-stream"
METADATA_LIMIT = 4096
PARTS_LIMIT = 64
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
METADATA_KEY = re.compile(r"[!-+\--~]{1,128}")


class Checksum(msgspec.Struct, frozen=True):
    """The announced digest of one chunk."""

    algorithm: str
    digest: bytes


class Concat(msgspec.Struct, frozen=True):
    """`partial`, or `final` with the URLs of its parts in order."""

    is_final: bool
    urls: tuple[str, ...] = ()


class Length(msgspec.Struct, frozen=True):
    """A declared length in bytes; None when it was deferred."""

    size: int | None


def check_version(value: str | None) -> None:
    """Raises VersionUnsupported unless the client speaks 1.0.0."""
    if value != VERSION:
        raise VersionUnsupported(headers={"Tus-Version": VERSION})


def check_chunk_type(value: str | None) -> None:
    """Raises ContentTypeWrong unless the body is announced as a chunk."""
    if value is None or value.partition(";")[0].strip().lower() != CHUNK_TYPE:
        raise ContentTypeWrong


def parse_number(header: str, value: str | None) -> int:
    """A non-negative integer below 10^18. Raises HeaderInvalid."""
    digits = (value or "").strip()
    if not NUMBER.fullmatch(digits):
        raise HeaderInvalid(f"{header} must be a non-negative integer")
    return int(digits)  # not `value`: str.strip takes more away than int() does


def parse_length(length: str | None, defer: str | None) -> Length:
    """Exactly one of Upload-Length and Upload-Defer-Length: 1. Raises HeaderInvalid."""
    if (length is None) == (defer is None):
        raise HeaderInvalid("Send either Upload-Length or Upload-Defer-Length: 1")
    if length is not None:
        return Length(parse_number("Upload-Length", length))
    if defer != "1":
        raise HeaderInvalid("Upload-Defer-Length can only be 1")
    return Length(None)


def parse_metadata(raw: str | None) -> dict[str, str]:
    """Upload-Metadata as text. Raises HeaderInvalid on bad keys, bad base64, not UTF-8, or more than 4 KB."""
    if raw is None or not raw.strip():
        return {}
    if len(raw) > METADATA_LIMIT:
        raise HeaderInvalid(f"Upload-Metadata may have {METADATA_LIMIT} bytes")
    metadata: dict[str, str] = {}
    for pair in raw.split(","):
        key, _, value = pair.strip().partition(" ")
        if not METADATA_KEY.fullmatch(key) or key in metadata:
            raise HeaderInvalid("Upload-Metadata keys must be unique ASCII words")
        metadata[key] = _decode_text(key, value)
    return metadata


def _decode_text(key: str, value: str) -> str:
    try:
        return b64decode(value.strip(), validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise HeaderInvalid(f"Upload-Metadata {key} must be base64 of UTF-8 text") from error


def format_metadata(metadata: Mapping[str, str]) -> str:
    """Upload-Metadata for HEAD: values are encoded again, so nothing reaches a header unescaped."""
    return ",".join(f"{key} {b64encode(value.encode()).decode()}".rstrip() for key, value in metadata.items())


def parse_checksum(raw: str | None) -> Checksum | None:
    """Raises ChecksumUnsupported for a foreign algorithm and HeaderInvalid for a malformed digest."""
    if raw is None:
        return None
    algorithm, _, encoded = raw.strip().partition(" ")
    if algorithm.lower() not in ALGORITHMS:
        raise ChecksumUnsupported
    try:
        digest = b64decode(encoded.strip(), validate=True)
    except (Base64Error, ValueError) as error:
        raise HeaderInvalid("Upload-Checksum must be '<algorithm> <base64>'") from error
    if len(digest) != ALGORITHMS[algorithm.lower()]:
        raise HeaderInvalid("Upload-Checksum has the wrong length for its algorithm")
    return Checksum(algorithm.lower(), digest)


def parse_concat(raw: str | None) -> Concat | None:
    """Upload-Concat: `partial` or `final;<url> <url>…`. Raises HeaderInvalid."""
    if raw is None:
        return None
    kind, _, rest = raw.strip().partition(";")
    urls = tuple(rest.split())
    if kind == "partial" and not rest:
        return Concat(is_final=False)
    if kind == "final" and 1 <= len(urls) <= PARTS_LIMIT:
        return Concat(is_final=True, urls=urls)
    raise HeaderInvalid(f"Upload-Concat must be 'partial' or 'final;' and 1 to {PARTS_LIMIT} URLs")


def format_expires(moment: datetime) -> str:
    """Upload-Expires as an HTTP date (RFC 9110, 5.6.7)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def id_of_url(url: str) -> str:
    """The last segment of an upload URL, whatever host a proxy put in front."""
    return url.partition("?")[0].rstrip("/").rpartition("/")[2]
