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
_EXPIRE = f"*4\r\n$6\r\nEXPIRE\r\n${_KEY}\r\nc:{{"


async def push(wire: Wire, readers: Sequence[str], entry: Entry, kept_seconds: int) -> None:
    """Adds `entry` to the Circle of each reader (32 hex digits) and trims it to its size; twice changes nothing.

    A Circle that was lost begins anew by this, without an end: some posts give it one, for whoever never reads again.
    """
    score, member = entry
    text = member.decode("latin-1")
    add = f"*4\r\n$4\r\nZADD\r\n${_KEY}\r\nc:{{"
    trim = f"}}\r\n${len(str(score))}\r\n{score}\r\n$32\r\n{text}\r\n*4\r\n$15\r\nZREMRANGEBYRANK\r\n${_KEY}\r\nc:{{"
    if renews(entry):
        await _write(wire, readers, [add, trim, f"}}{_TRIM}{_EXPIRE}", _end(kept_seconds)])
    else:
        await _write(wire, readers, [add, trim, f"}}{_TRIM}"])


def renews(entry: Entry) -> bool:
    """One post in sixteen, by the last digit of its id: a third command for each would cost every push a third."""
    return entry[1][15] % 16 == 0


async def let_end(wire: Wire, readers: Sequence[str], kept_seconds: int) -> None:
    """Circles without an end get one; others live as long as they would have."""
    await _write(wire, readers, [_EXPIRE, _end(kept_seconds)])


async def pull_back(wire: Wire, readers: Sequence[str], entry: Entry) -> None:
    """Removes `entry` from the Circle of each reader."""
    text = entry[1].decode("latin-1")
    for at in range(0, len(readers), BATCH):
        commands = [
            Command(key, f"*3\r\n$4\r\nZREM\r\n${_KEY}\r\n{key}\r\n$32\r\n{text}\r\n".encode("latin-1"))
            for key in map(keys.circle, readers[at : at + BATCH])
        ]
        await wire.run(commands)


def _end(kept_seconds: int) -> str:
    return f"}}\r\n${len(str(kept_seconds))}\r\n{kept_seconds}\r\n$2\r\nNX\r\n"


async def _write(wire: Wire, readers: Sequence[str], parts: Sequence[str]) -> None:
    """`parts` stand around each reader's id: one command fewer than there are parts."""
    replies = len(parts) - 1
    for at in range(0, len(readers), BATCH):
        batch = readers[at : at + BATCH]
        if wire.is_cluster:
            commands = [Command(f"c:{{{reader}}}", reader.join(parts).encode("latin-1"), replies) for reader in batch]
        else:
            text = "".join([reader.join(parts) for reader in batch])
            commands = [Command("", text.encode("latin-1"), replies * len(batch))]
        await wire.run(commands)
