"""What the service and the decoder process say to each other: one JSON document each way."""

from typing import Literal

import msgspec

from daira_confinement import Level
from daira_confinement.escapes import Attempt


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to decode. `content_type` was found by sniffing; the decoder accepts no other.

    Nothing is opened by a process that is locked in less than `minimum`. `measure` tries to break out instead, for
    example to the readable file `canary`.
    """

    work: Literal["measure", "image", "voice"]
    parent: int
    minimum: Level
    source: str = ""
    folder: str = ""
    canary: str = ""
    content_type: str = ""
    is_square: bool = False
    cpu_seconds: int = 20


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One file in the folder."""

    name: str
    content_type: str
    width: int = 0
    height: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`failure` is a stable code for the owner; None when all files were made.

    `level` is how far the decoder was locked in, `reasons` why not further; `leaks` are ways out that worked.
    """

    level: Level = Level.NONE
    reasons: tuple[str, ...] = ()
    leaks: tuple[Attempt, ...] = ()
    failure: str | None = None
    files: tuple[Made, ...] = ()
    duration_ms: int | None = None
    waveform: tuple[int, ...] = ()
    blurhash: str | None = None


class Undecodable(Exception):
    """These bytes are not what they seem, or are too much; the message is the failure code."""
