"""What became of each record, as lines of JSON: the file that `daira replay diff` compares."""

import os
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from daira_cli.errors import Refused, Usage
from daira_stores.changes import Change

FAMILY = "daira-result/"
FORMAT = f"{FAMILY}2"


class Verdict(Enum):
    """What became of one record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Its event was handled before: nothing happened."""
    RETRIED = "retried"
    """Accepted after failures."""
    DLQ = "dlq"
    """It would lie among the dead letters."""
    BLOCKED = "blocked"
    """The handler needs something that is off here; the live consumer would wait for it."""
    SUPERSEDED = "superseded"
    """Live only: its topic holds a newer state, or a removal, of the same key."""
    IGNORED = "ignored"
    """A tombstone that the service passes over."""
    SKIPPED = "skipped"
    """The service does not hear this topic."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that would have been sent."""

    topic: str
    key: str
    value: Any = None


class Left(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job that would have run."""

    kind: str
    key: str
    payload: Any = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a handler gave up; `code` as in the dead letter's headers."""

    code: str
    message: str
    stack: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One record."""

    line: int
    topic: str
    partition: int
    offset: int
    key: str | None = None
    event_id: str = ""
    verdict: Verdict
    tries: int = 0
    failure: Failure | None = None
    newer_offset: int | None = None
    """Of the record that superseded it."""
    changes: tuple[Change, ...] = ()
    told: tuple[Told, ...] = ()
    left: tuple[Left, ...] = ()
    made: tuple[str, ...] = ()
    """Ids and moments in the above that no line so far held: other runs make up others."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a result."""

    format: str
    service: str
    dump: str
    """SHA-256 of the file that was run."""


class ResultFile:
    """Appends outcomes; without a path it only counts."""

    def __init__(self, path: Path | None, head: Head, *, keep_bytes: int = 0) -> None:
        """`keep_bytes` of an earlier run stay; 0 begins anew. Raises Refused when `path` is not what that run wrote."""
        self._file: BinaryIO | None = None
        self.bytes = keep_bytes
        if path is None:
            return
        if keep_bytes and not _is_begun(path, head, keep_bytes):
            raise Refused(
                f"{path} is not the result of the run that is to be continued",
                then="give the --result that it began with, or begin anew",
                code="other_result",
            )
        path.touch()
        self._file = path.open("r+b")
        self._file.truncate(keep_bytes)
        self._file.seek(keep_bytes)
        if not keep_bytes:
            self._write(head)

    def append(self, outcome: Outcome) -> None:
        """One line more, handed to the system. Without stacks: they name folders, and change with every edit."""
        if outcome.failure is not None:
            outcome = msgspec.structs.replace(outcome, failure=msgspec.structs.replace(outcome.failure, stack=""))
        self._write(outcome)

    def close(self) -> None:
        """On the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()

    def _write(self, part: object) -> None:
        if self._file is None:
            return
        text = msgspec.json.encode(part) + b"\n"
        self._file.write(text)
        self._file.flush()
        self.bytes += len(text)


def _is_begun(path: Path, head: Head, size: int) -> bool:
    # It is about to be cut off at `size`: a shorter file would be filled with zeros, somebody else's lost.
    with suppress(OSError), path.open("rb") as file:
        return file.readline() == msgspec.json.encode(head) + b"\n" and os.fstat(file.fileno()).st_size >= size
    return False


def is_result(path: Path) -> bool:
    """Whether the first line says so, of this format or an older one."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(), type=Head).format.startswith(FAMILY)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False


def read_result(path: Path) -> list[Outcome]:
    """Raises Usage naming the line that is none, or when an older command wrote it."""
    found = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if number > 1:
                found.append(msgspec.json.decode(text, type=Outcome))
            elif (of := msgspec.json.decode(text, type=Head).format) != FORMAT:
                raise Usage(f"{path} is a {of}, and this is {FORMAT}", then="run the dump again", code="result_old")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Usage(
                f"{path}: line {number} is no outcome: {error}", then="run the dump again", code="result_corrupt"
            ) from error
    return found
