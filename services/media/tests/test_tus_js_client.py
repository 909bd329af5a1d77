"""The client that apps use (npm tus-js-client), against us."""

import asyncio
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

MIB = 1024 * 1024
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
FOLDER = Path(__file__).parent / "js"


async def run(*command: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=FOLDER, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


@pytest.fixture(scope="session")
async def tus_js() -> None:
    """tus-js-client from the package registry, once."""
    if not (FOLDER / "node_modules/tus-js-client").exists():
        await run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")


async def upload(**order: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await run("node", "upload.mjs", json.dumps(order)))
    return answer


def movie(folder: Path, size: int) -> Path:
    path = folder / "film.mp4"
    path.write_bytes((MP4 + os.urandom(size))[:size])
    return path


async def test_an_app_uploads_in_chunks_of_5_mib(running: Any, tus_js: Any, tmp_path: Any) -> None:
    film = movie(tmp_path, 23 * MIB)

    seen = await upload(
        endpoint=f"{running.url}/v1/uploads",
        token=running.mint.token(running.person),
        file=str(film),
        chunkSize=5 * MIB,
        metadata={"filename": "film.mp4", "filetype": "video/mp4", "purpose": "VIDEO"},
    )

    assert seen["done"]
    assert await running.stored(seen["url"]) == film.read_bytes()


async def test_an_app_resumes_at_another_replica_when_its_own_was_killed(
    running: Any, tus_js: Any, spawn: Any, tmp_path: Any
) -> None:
    film = movie(tmp_path, 25 * MIB)
    doomed = await spawn(lease_seconds=2.0, pause_seconds=1.0)
    order = {"token": running.mint.token(running.person), "file": str(film), "chunkSize": 5 * MIB}

    stopped = await upload(endpoint=f"{doomed.url}/v1/uploads", stopAt=0.4, **order)
    await doomed.kill()
    offset = await running.offset(httpx.URL(stopped["url"]).path)
    seen = await upload(uploadUrl=stopped["url"].replace(doomed.url, running.url), **order)

    assert not stopped["done"]
    assert offset >= stopped["offset"] == 10 * MIB
    assert seen["done"]
    assert sha256(await running.stored(seen["url"])).digest() == sha256(film.read_bytes()).digest()


async def test_an_app_uploads_three_streams_at_once(running: Any, tus_js: Any, tmp_path: Any) -> None:
    film = movie(tmp_path, 20 * MIB)

    seen = await upload(
        endpoint=f"{running.url}/v1/uploads",
        token=running.mint.token(running.person),
        file=str(film),
        chunkSize=5 * MIB,
        parallelUploads=3,
        metadata={"purpose": "VIDEO"},
    )

    assert await running.stored(seen["url"]) == film.read_bytes()
