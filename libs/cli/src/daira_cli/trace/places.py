"""Where a local stack keeps its logs."""

from pathlib import Path

import msgspec

STACKS = ".stack"


class _State(msgspec.Struct):
    base: int


def logs_of_stack(base: int, below: Path) -> Path | None:
    """The log folder of the stack last started on this base port, in the checkout at `below`; None without one."""
    newest_first = sorted((below / STACKS).glob("*/stack.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in newest_first:
        try:
            found = msgspec.json.decode(file.read_bytes(), type=_State)
        except (msgspec.DecodeError, OSError):
            continue
        if found.base == base:
            return file.parent / "logs"
    return None
