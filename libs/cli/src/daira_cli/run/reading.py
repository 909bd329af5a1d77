"""A dump as the service would have met it: checked, and in the order in which its records were written."""

import heapq
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from daira_cli.dump.lines import Line
from daira_cli.dump.manifest import Manifest, read_manifest
from daira_cli.errors import Refused, Usage

AGAIN = "take the dump again"


class Entry(msgspec.Struct, frozen=True, order=True):
    """Where a record lies. Ordered by time, then by place."""

    time: int
    """Milliseconds since 1970; within a partition never less than the one before."""
    topic: str
    partition: int
    offset: int
    number: int
    """Line in the file, from 1."""
    position: int


class Dump:
    """One dump, open for reading."""

    def __init__(
        self, path: Path, file: BinaryIO, manifest: Manifest | None, entries: list[Entry], digest: str
    ) -> None:
        self.path, self.manifest, self.entries, self.digest = path, manifest, entries, digest
        self._file = file

    @classmethod
    def open(cls, path: Path, *, edited: bool = False) -> "Dump":
        """Read it whole once. Raises Usage for a line that is no record, Refused when it is not what its manifest says.

        `edited`: somebody changed it on purpose.
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise Usage(f"{path} cannot be read: {error.strerror}", then="daira replay dump makes one") from error
        digest = sha256()
        lists: dict[tuple[str, int], list[Entry]] = {}
        for entry in _entries(path, file, digest.update):
            lists.setdefault((entry.topic, entry.partition), []).append(entry)
        manifest = read_manifest(path)
        if manifest is not None and manifest.sha256 != digest.hexdigest() and not edited:
            raise Refused(
                f"{path} is not what its manifest says: {_difference(manifest, lists)}",
                then=f"{AGAIN}; if somebody changed it on purpose, add --edited",
                code="dump_differs",
            )
        return cls(
            path, file, manifest, list(heapq.merge(*(_in_order(one) for one in lists.values()))), digest.hexdigest()
        )

    @property
    def topics(self) -> list[str]:
        """Topics in it, sorted."""
        return sorted({entry.topic for entry in self.entries})

    def line(self, entry: Entry) -> Line:
        """The record of an entry."""
        self._file.seek(entry.position)
        return msgspec.json.decode(self._file.readline(), type=Line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._file.close()


def _entries(path: Path, file: BinaryIO, seen: Callable[[bytes], None]) -> Iterator[Entry]:
    position = 0
    for number, text in enumerate(file, 1):
        seen(text)
        if text.strip():
            line = _parsed(path, number, text)
            yield Entry(line.timestamp, line.topic, line.partition, line.offset, number, position)
        position += len(text)


def _parsed(path: Path, number: int, text: bytes) -> Line:
    try:
        line = msgspec.json.decode(text, type=Line)
        _ = line.key_bytes, line.value_bytes, line.header_bytes
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        if not text.endswith(b"\n"):
            raise Usage(
                f"{path}: line {number} is cut off: the file is truncated",
                then=f"{AGAIN}, or run what is whole: head -n {number - 1} {path.name} > whole.jsonl",
                code="dump_truncated",
            ) from error
        raise Usage(
            f"{path}: line {number} is no record: {error}",
            then=f"{AGAIN}, or leave that line out: sed {number}d {path.name} > rest.jsonl",
            code="dump_corrupt",
        ) from error
    return line


def _in_order(entries: list[Entry]) -> list[Entry]:
    # The log's order stands within a partition, whatever the producers' clocks said.
    found, time = [], 0
    for entry in sorted(entries, key=lambda one: (one.offset, one.number)):
        time = max(time, entry.time)
        found.append(msgspec.structs.replace(entry, time=time))
    return found


def _difference(manifest: Manifest, lists: dict[tuple[str, int], list[Entry]]) -> str:
    count = sum(map(len, lists.values()))
    if count == manifest.records:
        return "as many records, other bytes"
    return f"{count:,} records in place of {manifest.records:,}"
