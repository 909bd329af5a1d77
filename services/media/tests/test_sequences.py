"""Whatever a client does in whatever order: the offset is what it was told, and the file is what it sent."""

import os
import random
from base64 import b64encode
from hashlib import sha1, sha256
from typing import Any

import pytest

from daira_testing.waiting import eventually

MIB = 1024 * 1024
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
STEPS = 14


class Client:
    """One upload and what its owner knows of it."""

    def __init__(self, running: Any, path: str, data: bytes, chance: random.Random) -> None:
        self.running, self.path, self.data, self.chance, self.offset = running, path, data, chance, 0

    def piece(self) -> bytes:
        """Small and large ones; sometimes all that is left."""
        sizes = (1, 200, 100_000, MIB, 5 * MIB, 5 * MIB + 1, 9 * MIB, len(self.data))
        return self.data[self.offset : self.offset + self.chance.choice(sizes)]

    async def patch(self) -> None:
        piece = self.piece()
        answer = await self.running.patch(self.path, self.offset, piece)
        assert answer.status_code == 204, answer.text
        self.offset += len(piece)

    async def patch_with_checksum(self) -> None:
        piece = self.piece()
        checksum = f"sha1 {b64encode(sha1(piece).digest()).decode()}"
        answer = await self.running.patch(self.path, self.offset, piece, Upload_Checksum=checksum)
        assert answer.status_code == 204, answer.text
        self.offset += len(piece)

    async def patch_with_wrong_checksum(self) -> None:
        checksum = f"sha1 {b64encode(bytes(20)).decode()}"
        answer = await self.running.patch(self.path, self.offset, self.piece(), Upload_Checksum=checksum)
        assert answer.status_code == 460

    async def patch_at_a_wrong_offset(self) -> None:
        answer = await self.running.patch(self.path, self.offset + 1, b"x")
        assert answer.status_code == 409

    async def patch_too_much(self) -> None:
        answer = await self.running.patch(self.path, self.offset, self.data[self.offset :] + b"x")
        assert answer.status_code == 413

    async def ask(self) -> None:
        assert await self.running.offset(self.path) == self.offset


@pytest.mark.parametrize("seed", range(6))
async def test_any_sequence_of_requests_gives_the_file(running: Any, seed: Any) -> None:
    chance = random.Random(seed)
    data = MP4 + os.urandom(chance.randint(100, 30 * MIB))
    path = await running.created(len(data))
    client = Client(running, path, data, chance)
    steps = [
        client.patch,
        client.patch,
        client.patch_with_checksum,
        client.patch_with_wrong_checksum,
        client.patch_at_a_wrong_offset,
        client.patch_too_much,
        client.ask,
    ]

    for _ in range(STEPS):
        if client.offset < len(data):
            await chance.choice(steps)()
    if client.offset < len(data):
        assert (await running.patch(path, client.offset, data[client.offset :])).status_code == 204

    async def is_whole() -> bool:
        return sha256(await running.stored(path)).digest() == sha256(data).digest()

    assert await eventually(is_whole)
    left = await running.media.uploads._store._list(f"media/{running.person}/")
    assert [key.rpartition("/")[2] for key in left] == ["original"]
