"""Whoever finishes a full upload, and however many do at once: its bytes become an asset, or stay where they are."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_kit.settings import environment
from daira_media.domain import keys
from daira_media.errors import UploadBusy, UploadJoining
from daira_media.repository import uploads
from daira_testing.gate import Gate
from daira_testing.waiting import eventually

MIB = 1024 * 1024
SIZE = 24 * MIB
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
ROUNDS = 40 if environment("SIZE") == "full" else 3


class Waiting:
    """Full uploads whose parts are all in S3 and not joined yet, made at a front that loses S3 before the last step."""

    def __init__(self, front: Any, gate: Gate) -> None:
        self.front, self._gate, self.data = front, gate, MP4 + os.urandom(SIZE - len(MP4))

    async def new(self) -> str:
        path = str(await self.front.created(None))
        assert (await self.front.patch(path, 0, self.data)).status_code == 204
        self._gate.shut()
        answer = await self.front.patch(path, SIZE, b"", Upload_Length=str(SIZE))
        assert answer.status_code == 503, answer.text
        self._gate.open()
        return path

    async def is_whole(self, path: str) -> bool:
        stored = await self.front.stored(path)
        return bool(sha256(stored).digest() == sha256(self.data).digest())


@pytest.fixture
async def waiting(start: Any, stack: Any) -> AsyncIterator[Waiting]:
    async with Gate(stack.s3_endpoint) as gate, start(s3_endpoint=gate.url) as front:
        yield Waiting(front, gate)


def id_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


@pytest.mark.sized(ROUNDS)
async def test_finished_by_three_at_once_it_is_an_asset_with_all_its_bytes(running: Any, waiting: Waiting) -> None:
    for _ in range(ROUNDS):
        path = await waiting.new()

        ends: Any = await asyncio.gather(
            waiting.front.media.completing.complete(id_of(path)),
            running.media.completing.complete(id_of(path)),
            waiting.front.head(path),
            return_exceptions=True,
        )

        assert all(end is None or isinstance(end, UploadBusy) for end in ends[:2]), ends
        assert ends[2].status_code in {200, 423}
        assert await waiting.front.offset(path) == SIZE
        assert await waiting.is_whole(path)


@pytest.mark.sized(ROUNDS)
async def test_while_s3_still_joins_for_one_that_died_nothing_is_given_up(waiting: Waiting) -> None:
    media = waiting.front.media
    for _ in range(ROUNDS):
        path = await waiting.new()
        async with waiting.front.database.read() as work:
            upload, parts = await uploads.find(work, id_of(path)), await uploads.parts(work, id_of(path))
        assert upload is not None
        assert upload.multipart_id is not None
        key = keys.original_key(upload.owner_id, upload.id)

        async def joined() -> bool:
            try:
                await media.completing.complete(id_of(path))  # noqa: B023 - awaited in this round
            except UploadJoining:
                return False
            return True

        await asyncio.gather(
            media.uploads._store.multipart.complete(key, upload.multipart_id, parts),
            eventually(joined, every=0.001),
        )

        assert await waiting.is_whole(path)


async def test_bytes_outlive_a_key_that_s3_does_not_know_and_the_job_joins_them(running: Any, start: Any) -> None:
    data = (MP4 + os.urandom(21 * MIB))[: 21 * MIB]
    path = await running.created(None)
    assert (await running.patch(path, 0, data)).status_code == 204

    async with start(s3_secret_key="rotated") as stranger:
        same = msgspec.structs.replace(stranger, person=running.person)
        answer = await same.patch(path, len(data), b"", Upload_Length=str(len(data)))
    async with running.database.work() as work:
        await work.execute("UPDATE job SET due_at = clock_timestamp() WHERE kind = 'finish_upload'")

    async def is_told() -> bool:
        seen = await running.http.get(f"/v1/media/{id_of(path)}", headers=running.auth())
        return bool(seen.status_code == 200)

    assert (answer.status_code, answer.json()["code"]) == (503, "object_store_unavailable")
    assert await eventually(is_told)
    assert await running.stored(path) == data


async def test_parts_that_s3_does_not_have_end_the_upload(waiting: Waiting) -> None:
    path = await waiting.new()
    async with waiting.front.database.work() as work:
        await work.execute("UPDATE upload_part SET etag = md5(etag) WHERE upload_id = %s", (id_of(path),))

    answer = await waiting.front.head(path)

    assert answer.status_code == 500
    assert (await waiting.front.head(path)).status_code == 410


@asynccontextmanager
async def held(running: Any, path: str) -> AsyncIterator[None]:
    """Somebody finishes the upload meanwhile."""
    async with running.database.work() as work:
        upload = await uploads.acquire_full(work, id_of(path), 60)
    yield
    async with running.database.work() as work:
        await uploads.release(work, upload)


async def test_who_asks_while_it_is_finished_is_told_to_come_back(waiting: Waiting) -> None:
    path = await waiting.new()

    async with held(waiting.front, path):
        busy = await waiting.front.head(path)
    free = await waiting.front.head(path)

    assert (busy.status_code, busy.headers["retry-after"]) == (423, "1")
    assert free.status_code == 200
    assert await waiting.is_whole(path)
