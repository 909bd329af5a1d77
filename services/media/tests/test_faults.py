import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from daira_kit.settings import environment
from daira_testing.waiting import eventually

MIB = 1024 * 1024
AT_ONCE = 100 if environment("SIZE") == "full" else 25
IN_FLIGHT = 512 * 1024
"""What the HTTP server may hold unread when it learns that the connection is gone; the client sends it again."""
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def movie(size: int) -> bytes:
    return (MP4 + os.urandom(size))[:size]


class Wire:
    """One request written by hand, so that it can be cut or held back anywhere."""

    def __init__(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        self.writer, self.reader = writer, reader

    @classmethod
    async def patch(cls, url: str, path: str, auth: dict[str, str], offset: int, length: int) -> "Wire":
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [
            f"PATCH {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Tus-Resumable: 1.0.0",
            "Content-Type: application/offset+octet-stream",
            f"Upload-Offset: {offset}",
            f"Content-Length: {length}",
            f"Authorization: {auth['Authorization']}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        return cls(writer, reader)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        return int((await self.reader.readline()).split()[1])

    async def cut(self) -> None:
        self.writer.close()


async def resumed(http: httpx.AsyncClient, running: Any, path: str, data: bytes) -> int:
    """What a client does after a cut: HEAD, then PATCH from there, again while it is locked. Returns the offset."""

    async def attempt() -> tuple[int] | None:
        head = await http.head(path, headers={"Tus-Resumable": "1.0.0"} | running.auth())
        assert head.is_success, head.text
        offset = int(head.headers["upload-offset"])
        headers = running.auth() | {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        answer = await http.patch(path, headers=headers, content=data[offset:])
        assert answer.status_code in {204, 423}, answer.text
        return (offset,) if answer.status_code == 204 else None

    found = await eventually(attempt, every=0.1)
    assert found
    return found[0]


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_after_a_cut_at_any_tenth_the_client_goes_on_where_it_was(running: Any, tenth: Any) -> None:
    data = movie(20 * MIB)
    path = await running.created(len(data))
    sent = len(data) * tenth // 10

    wire = await Wire.patch(running.url, path, running.auth(), 0, len(data))
    await wire.send(data[:sent])
    await wire.cut()

    async def has_nearly_all() -> bool:
        return bool(await running.offset(path) >= sent - IN_FLIGHT)

    assert await eventually(has_nearly_all)
    assert await resumed(running.http, running, path, data) <= sent
    assert await running.stored(path) == data


async def test_a_chunk_with_a_checksum_that_was_cut_is_discarded(running: Any) -> None:
    data = movie(30 * MIB)
    path = await running.created(len(data))
    headers = running.auth()
    headers["Authorization"] += f"\r\nUpload-Checksum: sha1 {'A' * 27}="

    wire = await Wire.patch(running.url, path, headers, 0, len(data))
    await wire.send(data[: 29 * MIB])
    await wire.cut()

    assert await resumed(running.http, running, path, data) == 0
    assert await running.stored(path) == data


async def test_of_twenty_parallel_requests_one_wins(running: Any) -> None:
    data = movie(6 * MIB)
    path = await running.created(len(data))

    answers = await asyncio.gather(*(running.patch(path, 0, data) for _ in range(20)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {409, 423}
    assert await running.stored(path) == data


async def test_while_bytes_arrive_others_are_told_to_wait(running: Any) -> None:
    data = movie(3 * MIB)
    path = await running.created(len(data))
    wire = await Wire.patch(running.url, path, running.auth(), 0, len(data))
    await wire.send(data[:MIB])

    async def is_held() -> bool:
        async with running.database.read() as work:
            row = await work.one("SELECT leased_until FROM upload WHERE id = %s", (path.rpartition("/")[2],))
        return row is not None and row["leased_until"] is not None

    assert await eventually(is_held)
    refused = await running.patch(path, 0, data)
    assert (refused.status_code, refused.headers["retry-after"]) == (423, "1")
    assert (await running.http.delete(path, headers={"Tus-Resumable": "1.0.0"} | running.auth())).status_code == 423
    await wire.send(data[MIB:])
    assert await wire.status() == 204
    assert await running.stored(path) == data


async def test_a_silent_holder_gives_way_and_its_bytes_stay(start: Any) -> None:
    async with start(lease_seconds=2.0, pause_seconds=0.3) as running:
        data = movie(3 * MIB)
        path = await running.created(len(data))
        silent = await Wire.patch(running.url, path, running.auth(), 0, len(data))
        await silent.send(data[:MIB])

        assert await resumed(running.http, running, path, data) == MIB

        await silent.send(data[MIB : 2 * MIB])
        assert await silent.status() == 423
        assert await running.stored(path) == data


async def test_a_holder_that_was_only_slow_goes_on(start: Any) -> None:
    async with start(lease_seconds=2.0, pause_seconds=0.2) as running:
        data = movie(7 * MIB)
        path = await running.created(len(data))
        slow = await Wire.patch(running.url, path, running.auth(), 0, len(data))
        await slow.send(data[:MIB])

        async def is_durable() -> bool:
            return bool(await running.offset(path) == MIB)

        assert await eventually(is_durable)
        await slow.send(data[MIB:])
        assert await slow.status() == 204
        assert await running.stored(path) == data


async def test_a_sender_that_stays_silent_is_let_go(start: Any) -> None:
    async with start(lease_seconds=2.0, pause_seconds=0.2, stall_seconds=0.6) as running:
        path = await running.created(3 * MIB)
        wire = await Wire.patch(running.url, path, running.auth(), 0, 3 * MIB)
        await wire.send(movie(MIB))

        assert await wire.status() == 408
        assert await running.offset(path) == MIB


async def test_an_upload_goes_on_at_another_replica_after_kill_9(running: Any, spawn: Any) -> None:
    data = movie(40 * MIB)
    path = await running.created(len(data))
    doomed = await spawn(lease_seconds=2.0, pause_seconds=1.0)
    wire = await Wire.patch(doomed.url, path, running.auth(), 0, len(data))
    await wire.send(data[: 30 * MIB])

    async def has_some() -> bool:
        return bool(await running.offset(path) >= 8 * MIB)

    await eventually(has_some)
    await doomed.kill()
    offset = await resumed(running.http, running, path, data)

    assert 8 * MIB <= offset <= 30 * MIB
    assert sha256(await running.stored(path)).digest() == sha256(data).digest()


async def test_a_stopping_replica_keeps_what_arrived_and_sends_the_client_elsewhere(running: Any, spawn: Any) -> None:
    data = movie(7 * MIB)
    path = await running.created(len(data))
    leaving = await spawn(lease_seconds=2.0, pause_seconds=1.0)
    wire = await Wire.patch(leaving.url, path, running.auth(), 0, len(data))
    await wire.send(data[: 2 * MIB])

    leaving.child.terminate()
    sent = 2 * MIB
    with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop's word for a closed transport
        while not wire.reader.at_eof():
            await wire.send(data[sent : sent + 1000])
            sent += 1000
            await asyncio.wait({asyncio.ensure_future(wire.reader.read(1000))}, timeout=0.1)
    offset = await resumed(running.http, running, path, data)

    assert 0 < offset <= sent
    assert await running.stored(path) == data
    assert await leaving.child.wait() == 0


async def test_abandoned_uploads_and_their_parts_are_reaped(start: Any) -> None:
    async with start(upload_kept_seconds=1.5, lease_seconds=0.5, pause_seconds=0.2) as running:
        path = await running.created(30 * MIB)
        assert (await running.patch(path, 0, movie(10 * MIB))).status_code == 204
        store = running.media.uploads._store
        prefix = f"media/{running.person}/"
        assert await store.multipart.begun(prefix)

        async def is_reaped() -> bool:
            answer = await running.head(path)
            left = await store._list(prefix) or await store.multipart.begun(prefix)
            return answer.status_code == 410 and not left

        assert await eventually(is_reaped)


@pytest.mark.parametrize("finisher", ["the client's HEAD", "the job"])
async def test_a_join_that_died_is_finished(running: Any, finisher: Any) -> None:
    data = movie(20 * MIB)
    path = await running.created(len(data))
    multipart = running.media.uploads._store.multipart
    complete = multipart.complete

    async def die(*_arguments: object) -> None:
        raise ConnectionResetError

    multipart.complete = die
    assert (await running.patch(path, 0, data)).status_code == 503
    multipart.complete = complete
    if finisher == "the job":
        async with running.database.work() as work:
            await work.execute("UPDATE job SET due_at = clock_timestamp() WHERE kind = 'finish_upload'")
    else:
        assert await running.offset(path) == len(data)

    async def is_told() -> bool:
        answer = await running.http.get(f"/v1/media/{path.rpartition('/')[2]}", headers=running.auth())
        return bool(answer.status_code == 200)

    assert await eventually(is_told)
    assert await running.stored(path) == data


class Gate:
    """A way to a store that can be closed."""

    def __init__(self, target: str) -> None:
        self.target, self.is_open = urlsplit(target), True
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self.shut()
        self._server.close()

    def shut(self) -> None:
        self.is_open = False
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self.target.hostname, self.target.port)
        self._writers += [writer, back]
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer), return_exceptions=True)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
        sink.close()


async def test_while_s3_is_away_nothing_is_acknowledged_or_lost(start: Any, stack: Any) -> None:
    gate = Gate(stack.s3_endpoint)
    async with gate as endpoint, start(s3_endpoint=endpoint) as running:
        data = movie(9 * MIB)
        path = await running.created(len(data))
        assert (await running.patch(path, 0, data[:MIB])).status_code == 204

        gate.shut()
        answer = await running.patch(path, MIB, data[MIB:])
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert await running.offset(path) == MIB

        gate.is_open = True
        assert await resumed(running.http, running, path, data) == MIB
        assert await running.stored(path) == data
        gate.is_open = True


async def test_while_the_database_is_away_nothing_is_acknowledged_or_lost(start: Any, media_dsn: Any) -> None:
    gate = Gate(media_dsn)
    async with (
        gate as address,
        start(postgres_dsn=moved(media_dsn, address), lease_seconds=2.0, pause_seconds=1.0) as running,
    ):
        data = movie(9 * MIB)
        path = await running.created(len(data))
        assert (await running.patch(path, 0, data[:MIB])).status_code == 204
        wire = await Wire.patch(running.url, path, running.auth(), MIB, len(data) - MIB)
        await wire.send(data[MIB : 5 * MIB])

        gate.shut()
        await wire.send(data[5 * MIB :])
        assert await wire.status() == 503
        assert (await running.head(path)).status_code == 503

        gate.is_open = True
        assert await resumed(running.http, running, path, data) == MIB
        assert await running.stored(path) == data


def moved(dsn: str, address: str) -> str:
    """The same database through another address."""
    return dsn.replace(f"@{urlsplit(dsn).netloc.rpartition('@')[2]}/", f"@{urlsplit(address).netloc}/")


@pytest.mark.sized(AT_ONCE)
async def test_memory_stays_flat_with_many_uploads_at_once(running: Any, spawn: Any) -> None:
    replica = await spawn()
    data = movie(12 * MIB)
    http = httpx.AsyncClient(base_url=replica.url, timeout=120, limits=httpx.Limits(max_connections=None))

    async def one() -> None:
        path = await running.created(len(data))
        headers = running.auth() | {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        }
        assert (await http.patch(path, headers=headers, content=slowly(data))).status_code == 204

    async def wave() -> int:
        """The most that the replica held meanwhile."""
        peak, tasks = 0, [asyncio.create_task(one()) for _ in range(AT_ONCE)]
        while not all(task.done() for task in tasks):
            peak = max(peak, replica.memory())
            await asyncio.sleep(0.05)
        await asyncio.gather(*tasks)
        return peak

    async with http:
        await one()
        before = replica.memory()
        peaks = [await wave() for _ in range(3)]

    assert peaks[0] - before < 60 * MIB, f"{(peaks[0] - before) / MIB:.0f} MiB for {AT_ONCE * 12} MiB in flight"
    # What is never given back grows every time; how much is held at one moment differs by chance.
    grown = min(later - earlier for earlier, later in pairwise(peaks))
    assert grown <= 5 * MIB, f"{grown / MIB:.0f} MiB more for as many again, every time"


async def slowly(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 256 * 1024):
        yield data[start : start + 256 * 1024]
        await asyncio.sleep(0)
