"""Commands as bytes, ready for a socket."""

from hashlib import sha1
from typing import Any, TypeAlias

import hiredis
import msgspec
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    RedisError,
    ResponseError,
)

Reply: TypeAlias = Any
Part: TypeAlias = str | bytes | int
_pack: Any = hiredis.pack_command  # its stub knows tuples of one element only

_ERRORS: tuple[tuple[str, type[RedisError]], ...] = (
    ("LOADING", BusyLoadingError),
    ("CLUSTERDOWN", ClusterDownError),
    ("MASTERDOWN", BusyLoadingError),
    ("TRYAGAIN", BusyLoadingError),
    ("READONLY", BusyLoadingError),
)


class Command(msgspec.Struct, frozen=True, gc=False):
    """`wire` is RESP; `replies` how many answers it brings (hand-joined commands of one key may bring many)."""

    key: str
    wire: bytes
    replies: int = 1


def pack(name: str, key: str, *parts: Part) -> Command:
    """One command on one key."""
    return Command(key, pack_raw(name, key, *parts))


def pack_raw(*parts: Part) -> bytes:
    """A command's bytes."""
    packed: bytes = _pack(parts)
    return packed


class Script:
    """A Lua script on one key. Scripts only compare revisions and write: they hold nothing up."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha = sha1(text.encode()).hexdigest()  # noqa: S324 - the name Redis gives a script

    def call(self, key: str, *arguments: Part) -> Command:
        """By hash; the node must have it."""
        return Command(key, pack_raw("EVALSHA", self._sha, 1, key, *arguments))

    def load(self) -> bytes:
        """Teaches a node the script."""
        return pack_raw("SCRIPT", "LOAD", self._text)


def error_of(reply: Exception) -> RedisError:
    """The exception for an error reply; those that pass by themselves are transient ones."""
    text = str(reply)
    for prefix, error in _ERRORS:
        if text.startswith(prefix):
            return error(text)
    return ResponseError(text)
