"""The ZIP of an export is a stream: whatever its size, little of it is in memory."""

import io
import random
from collections.abc import AsyncIterator
from zipfile import ZipFile

import pytest

from daira_media.adapters.archive import zipped

PIECE = 256 * 1024


async def noise(pieces: int) -> AsyncIterator[bytes]:
    """Bytes that do not shrink."""
    dice = random.Random(7)
    for _ in range(pieces):
        yield dice.randbytes(PIECE)


async def test_a_large_archive_leaves_in_pieces_no_larger_than_what_came_in() -> None:
    sizes = [len(piece) async for piece in zipped([("a.json", noise(40)), ("b.json", noise(40))])]

    assert sum(sizes) > 80 * PIECE
    assert max(sizes) < 2 * PIECE


async def test_every_entry_can_be_read_again_also_an_empty_one() -> None:
    archive = b"".join([piece async for piece in zipped([("empty.json", noise(0)), ("full.json", noise(3))])])

    with ZipFile(io.BytesIO(archive)) as packed:
        assert packed.testzip() is None
        assert packed.read("empty.json") == b""
        assert packed.read("full.json") == b"".join([piece async for piece in noise(3)])


async def test_a_part_that_cannot_be_read_ends_the_archive_with_its_own_error() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        async for _ in zipped([("a.json", broken())]):
            pass
