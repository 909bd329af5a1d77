"""The unfinished dump: a `.part` file and a `.state` file beside it that says how much of the first is sure."""

import fcntl
import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from daira_bus.log import Span
from daira_cli.dump.lines import Line
from daira_cli.dump.manifest import FORMAT, Contract, Filters, Manifest, Slice, contract_of, manifest_path
from daira_cli.errors import Refused, Usage
from daira_kit.clock import now

BLOCK = 1024 * 1024
ENCODER = msgspec.json.Encoder()


class State(msgspec.Struct, kw_only=True, rename="camel"):
    """All that is needed to go on after a kill."""

    wishes: str
    filters: Filters
    """With times resolved, so that `2h` means the same after a pause."""
    salt: str
    """Hex; pseudonyms stay the same after a pause."""
    spans: tuple[Span, ...]
    """Fixed at the start: what arrives later is not in the dump."""
    slices: tuple[Slice, ...]
    at: int = 0
    """Which span is being read."""
    next_offset: int = 0
    bytes: int = 0
    records: int = 0


class Draft:
    """Appends lines; `save` makes them sure. One process at a time: it holds a lock on the part file."""

    def __init__(self, file: Path, state: State, part: BinaryIO) -> None:
        self.file, self.state = file, state
        self._part = part
        self._sum = sha256()

    @classmethod
    def resume(cls, file: Path, state: State, part: BinaryIO) -> "Draft":
        """Go on where `state` says; what the part file holds beyond that is not sure and cut off. Raises Refused."""
        if part.seek(0, os.SEEK_END) < state.bytes:
            raise Refused(f"{part_path(file)} lost its end", then="add --restart to begin anew", code="part_lost")
        part.truncate(state.bytes)
        part.seek(0)
        draft = cls(file, state, part)
        while block := part.read(BLOCK):
            draft._sum.update(block)
        return draft

    def append(self, lines: list[Line]) -> None:
        """Write lines; not sure before `save`."""
        block = ENCODER.encode_lines(lines)
        self._part.write(block)
        self._sum.update(block)
        self.state.bytes += len(block)
        self.state.records += len(lines)

    def save(self) -> None:
        """Everything so far survives a kill."""
        self._part.flush()
        os.fsync(self._part.fileno())
        path = state_path(self.file)
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(msgspec.json.encode(self.state))
        fresh.replace(path)

    def finish(self, *, redacted: bool, reason: str) -> Manifest:
        """The manifest, then the file under its name; the draft is gone."""
        self.save()
        state = self.state
        manifest = Manifest(
            format=FORMAT,
            created_at=now(),
            sha256=self._sum.hexdigest(),
            bytes=state.bytes,
            records=state.records,
            redacted=redacted,
            reason=reason,
            filters=state.filters,
            partitions=state.slices,
            contracts=_contracts(state.slices),
        )
        manifest_path(self.file).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        part_path(self.file).replace(self.file)
        state_path(self.file).unlink(missing_ok=True)
        return manifest

    def close(self) -> None:
        """Let go of the file."""
        self._part.close()


def part_path(file: Path) -> Path:
    """Lines so far."""
    return file.with_name(file.name + ".part")


def state_path(file: Path) -> Path:
    """How far it is sure."""
    return file.with_name(file.name + ".state")


def _contracts(slices: tuple[Slice, ...]) -> dict[str, Contract]:
    found = {one.topic: contract_of(one.topic) for one in slices}
    return {topic: contract for topic, contract in found.items() if contract is not None}


def open_part(file: Path) -> BinaryIO:
    """The part file, locked. Raises Usage when it cannot be written, Refused when another process is at it."""
    path = part_path(file)
    try:
        path.touch()
        part = path.open("r+b")
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}", then="choose another -o") from error
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        part.close()
        raise Refused(
            f"another process is writing {file}", then="wait for it, or choose another -o", code="in_use"
        ) from None
    return part


def discard_part(file: Path, part: BinaryIO) -> None:
    """Let go of a part file that nothing was written to."""
    if not state_path(file).exists():
        part_path(file).unlink(missing_ok=True)
    part.close()


def saved_state(file: Path, wishes: str, *, restart: bool) -> State | None:
    """How far an earlier run came with these wishes. Raises Refused when the file is there or was begun otherwise."""
    if restart:
        return None
    if file.exists():
        raise Refused(f"{file} exists", then="choose another -o, or add --restart to replace it", code="exists")
    path = state_path(file)
    state = msgspec.json.decode(path.read_bytes(), type=State) if path.exists() else None
    if state is not None and state.wishes != wishes:
        raise Refused(
            f"{file} was begun with other arguments",
            then="repeat the command as it was, or add --restart to begin anew",
            code="other_arguments",
        )
    return state
