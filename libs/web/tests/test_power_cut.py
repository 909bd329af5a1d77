"""The server ends where it hurts most: what was asked for is done, and nobody was told."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase

POWER_CUT = 77


@contextmanager
def server(database: Database, crash_at: str) -> Iterator["subprocess.Popen[bytes]"]:
    script = str(Path(__file__).parent / "lone_server.py")
    process = subprocess.Popen([sys.executable, script, database.dsn, crash_at], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def write(process: "subprocess.Popen[bytes]") -> httpx.Response:
    assert process.stdout is not None
    port = int(await asyncio.to_thread(process.stdout.readline))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        return await client.post("/v1/notes", json={"text": "salam"}, headers={"Idempotency-Key": "once"})


async def test_a_request_done_by_a_server_that_ended_before_its_answer_is_answered_by_the_next_and_done_once(
    make_database: MakeDatabase,
) -> None:
    database = await make_database()
    async with database.work() as work:
        await work.execute("CREATE TABLE note (id uuid PRIMARY KEY)")

    with server(database, "after-commit") as dying:
        with pytest.raises(httpx.TransportError):
            await write(dying)
        assert await asyncio.to_thread(dying.wait, 30) == POWER_CUT
    with server(database, "never") as next_one:
        again = await write(next_one)

    async with database.read() as work:
        notes = await work.all("SELECT id FROM note")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert [str(note["id"]) for note in notes] == [again.json()["id"]]
