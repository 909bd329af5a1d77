"""Fan-out: one post into thousands of Circles, as bytes joined by hand and written to a socket.

A client library spends ten to twenty times as long on the same commands as the server does.
"""

from collections.abc import Sequence

from daira_feed.domain.timeline import Entry
from daira_feed.repository import keys
from daira_feed.repository.circles import KEPT
from daira_feed.repository.wire import Command, Wire

BATCH = 1_000
_KEY = len(keys.circle("0" * 32))
_TRIM = f"\r\n$1\r\n0\r\n${len(str(-KEPT - 1))}\r\n{-KEPT - 1}\r\n"


async def push(wire: Wire, readers: Sequence[str], entry: Entry) -> None:
    """Adds `entry` to the Circle of each reader (32 hex digits) and trims it to its size; twice changes nothing."""
    score, member = entry
    text = member.decode("latin-1")
    add = f"*4\r\n$4\r\nZADD\r\n${_KEY}\r\nc:{{"
    trim = f"}}\r\n${len(str(score))}\r\n{score}\r\n$32\r\n{text}\r\n*4\r\n$15\r\nZREMRANGEBYRANK\r\n${_KEY}\r\nc:{{"
    end = f"}}{_TRIM}"
    await _write(wire, readers, add, trim, end)


async def pull_back(wire: Wire, readers: Sequence[str], entry: Entry) -> None:
    """Removes `entry` from the Circle of each reader."""
    text = entry[1].decode("latin-1")
    for at in range(0, len(readers), BATCH):
        commands = [
            Command(key, f"*3\r\n$4\r\nZREM\r\n${_KEY}\r\n{key}\r\n$32\r\n{text}\r\n".encode("latin-1"))
            for key in map(keys.circle, readers[at : at + BATCH])
        ]
        await wire.run(commands)


async def _write(wire: Wire, readers: Sequence[str], add: str, trim: str, end: str) -> None:
    for at in range(0, len(readers), BATCH):
        batch = readers[at : at + BATCH]
        if wire.is_cluster:
            commands = [
                Command(f"c:{{{reader}}}", f"{add}{reader}{trim}{reader}{end}".encode("latin-1"), 2) for reader in batch
            ]
        else:
            text = "".join([f"{add}{reader}{trim}{reader}{end}" for reader in batch])
            commands = [Command("", text.encode("latin-1"), 2 * len(batch))]
        await wire.run(commands)
