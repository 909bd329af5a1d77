"""Opaque, signed cursors: bound to a kind of list and to the reader, so that nobody can borrow or forge one."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import TypeVar

import msgspec

from daira_kit.errors import BadRequest

SIGNATURE_BYTES = 16
T = TypeVar("T")


class CursorInvalid(BadRequest):
    """This cursor was not made for this list and reader."""

    code = "cursor_invalid"
    title = "Invalid cursor"
    title_ar = "مؤشر غير صالح"


class CursorCodec:
    """Signs positions with HMAC-SHA256, cut to 128 bits (RFC 2104 allows truncation to half the output)."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def encode(self, kind: str, reader: object, position: object) -> str:
        """`position` is anything msgspec can write as JSON, usually a tuple (time in ms, id)."""
        body = msgspec.json.encode(position)
        return urlsafe_b64encode(self._sign(kind, reader, body) + body).decode().rstrip("=")

    def decode(self, kind: str, reader: object, cursor: str, type_: type[T]) -> T:
        """The position again. Raises CursorInvalid for anything not made by `encode` with the same kind and reader."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (Base64Error, ValueError) as error:
            raise CursorInvalid from error
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(kind, reader, body)):
            raise CursorInvalid
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.DecodeError as error:
            raise CursorInvalid from error

    def _sign(self, kind: str, reader: object, body: bytes) -> bytes:
        message = f"{kind}\x1f{reader}\x1f".encode() + body
        return hmac.new(self._secret, message, sha256).digest()[:SIGNATURE_BYTES]
