"""Keys derived from one secret, and boxes that open only with the right one."""

import hmac
from hashlib import sha256
from typing import TypeVar

import msgspec
from joserfc import jwe
from joserfc.jwk import OctKey

ALGORITHMS = ["dir", "A256GCM"]
LEAST_CHARACTERS = 32
T = TypeVar("T")


def derive(secret: str, purpose: str) -> bytes:
    """256 bits for one purpose (HMAC-SHA256 as in HKDF-Expand with one block). Raises ValueError for a short secret."""
    if len(secret) < LEAST_CHARACTERS:
        raise ValueError(f"the secret needs at least {LEAST_CHARACTERS} characters")
    return hmac.new(secret.encode(), purpose.encode(), sha256).digest()


def answer_key(refresh_secret: bytes) -> bytes:
    """The key of an answer kept for a retry: only who holds the used refresh token can make it."""
    return sha256(b"daira refresh answer\n" + refresh_secret).digest()


def seal(key: bytes, content: object) -> str:
    """A compact JWE (direct key, AES-256-GCM) of the content as JSON."""
    header = {"alg": "dir", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, msgspec.json.encode(content), OctKey.import_key(key), ALGORITHMS)


def unseal(key: bytes, box: str, type_: type[T]) -> T:
    """What was sealed. Raises joserfc's errors for a wrong key or a changed box."""
    opened = jwe.decrypt_compact(box, OctKey.import_key(key), ALGORITHMS)
    return msgspec.json.decode(opened.plaintext or b"", type=type_)
