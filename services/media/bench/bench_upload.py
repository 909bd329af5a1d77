"""Uploads: MB/s beside npm's @tus/server with its S3 store on the same S3 server, and memory at 100 at once."""

import asyncio
import os
import secrets
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psycopg
from psycopg import sql

from daira_bus import topics
from daira_bus.producer import open_producer
from daira_devtools.bench import compare, in_turn, limit, tell
from daira_devtools.stack import Endpoints, endpoints
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_media.adapters.bytes_store import BytesStore
from daira_media.adapters.multipart import Multipart
from daira_stores.migrate import all_for, apply
from daira_stores.objects import open_objects
from daira_testing.ports import free_port
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually

MIB = 1024 * 1024
HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
WRITE = 256 * 1024
JS = Path(__file__).parent / "js"
GROWTH_MB = {20: 20, 100: 60}
"""Bounds by how many uploads run at once."""


class Target:
    """A tus server to measure. `pid` is the process whose memory counts."""

    def __init__(self, url: str, pid: int, headers: dict[str, str]) -> None:
        self.url, self.pid, self.headers = url, pid, headers | {"Tus-Resumable": "1.0.0"}

    def memory(self) -> float:
        """Resident MB."""
        line = next(
            line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith("VmRSS")
        )
        return int(line.split()[1]) / 1024

    async def upload(self, http: aiohttp.ClientSession, data: memoryview, pause: float = 0.0) -> None:
        """Create, then send everything in one PATCH; `pause` seconds after each 256 KiB."""
        async with http.post(self.url, headers=self.headers | {"Upload-Length": str(len(data))}) as created:
            assert created.status == 201, await created.text()
            place = created.headers["Location"]
        headers = self.headers | {
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(data)),
        }
        async with http.patch(place, headers=headers, data=slices(data, pause)) as sent:
            assert sent.status == 204, await sent.text()

    async def speed(self, http: aiohttp.ClientSession, data: memoryview, at_once: int) -> float:
        """MB/s of several uploads at once."""
        started = time.perf_counter()
        await asyncio.gather(*(self.upload(http, data) for _ in range(at_once)))
        return at_once * len(data) / 1e6 / (time.perf_counter() - started)


async def slices(data: memoryview, pause: float) -> AsyncIterator[memoryview]:
    for start in range(0, len(data), WRITE):
        yield data[start : start + WRITE]
        if pause:
            await asyncio.sleep(pause)


@asynccontextmanager
async def database(stack: Endpoints) -> AsyncIterator[str]:
    name = f"bench_media_{secrets.token_hex(4)}"
    async with await psycopg.AsyncConnection.connect(stack.postgres_dsn("postgres"), autocommit=True) as admin:
        await admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            await apply(stack.postgres_dsn(name), all_for("media"))
            yield stack.postgres_dsn(name)
        finally:
            await admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@asynccontextmanager
async def child(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=env, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def ours(stack: Endpoints, http: aiohttp.ClientSession, person: object) -> AsyncIterator[Target]:
    mint, prefix, port = TokenMint(), f"b{secrets.token_hex(4)}.", free_port()
    await topics.apply(stack.kafka_bootstrap, prefix)
    async with database(stack) as dsn, open_producer(stack.kafka_bootstrap, "bench", prefix) as producer:
        await producer.publish(mint.event, timeout=10)
        settings = {
            "PORT": port,
            "POSTGRES_DSN": dsn,
            "KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "CURSOR_SECRET": "bench",
            "ROOT_PUBLIC_KEY": mint.root_public_key,
            "TOPIC_PREFIX": prefix,
            "S3_ENDPOINT": stack.s3_endpoint,
            "S3_ACCESS_KEY": stack.s3_access_key,
            "S3_SECRET_KEY": stack.s3_secret_key,
            "S3_BUCKET": stack.s3_bucket,
            "MAX_OPEN_UPLOADS": 1000,
            "REDIS_URL": stack.redis_url,
            "UPLOADS_LIMIT": "100000/minute",
        }
        env = {f"DAIRA_MEDIA_{name}": str(value) for name, value in settings.items()} | {"PATH": "/usr/bin:/bin"}
        async with child(sys.executable, "-m", "daira_media", env=env) as pid:
            target = Target(f"http://127.0.0.1:{port}/v1/uploads", pid, mint.headers(person))  # type: ignore[arg-type]

            async def is_ready() -> bool:
                try:
                    async with http.head(f"{target.url}/{new_id()}", headers=target.headers) as answer:
                        return answer.status == 404
                except aiohttp.ClientError:
                    return False

            await eventually(is_ready)
            yield target
    await topics.remove_all(stack.kafka_bootstrap, prefix)


@asynccontextmanager
async def peer(stack: Endpoints, http: aiohttp.ClientSession) -> AsyncIterator[Target]:
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node and npm, "node and npm are needed: https://nodejs.org"
    if not (JS / "node_modules/@tus/server").exists():
        install = await asyncio.create_subprocess_exec(
            npm, "install", "--no-audit", "--no-fund", "--no-package-lock", cwd=JS, stdout=DEVNULL
        )
        assert await install.wait() == 0
    port = free_port()
    arguments = (stack.s3_endpoint, stack.s3_bucket, stack.s3_access_key, stack.s3_secret_key)
    async with child(node, "peer.mjs", str(port), *arguments, cwd=JS) as pid:
        target = Target(f"http://127.0.0.1:{port}/files", pid, {})

        async def is_ready() -> bool:
            try:
                async with http.options(target.url) as answer:
                    return answer.status == 204
            except aiohttp.ClientError:
                return False

        await eventually(is_ready)
        yield target


async def growth(target: Target, http: aiohttp.ClientSession, data: memoryview, at_once: int) -> float:
    """How many MB the process grows at most while it receives so many uploads at once."""
    before = peak = target.memory()
    tasks = [asyncio.create_task(target.upload(http, data, pause=0.02)) for _ in range(at_once)]
    while not all(task.done() for task in tasks):
        peak = max(peak, target.memory())
        await asyncio.sleep(0.05)
    await asyncio.gather(*tasks)
    return peak - before


async def main() -> None:
    stack = endpoints(int(environment("DAIRA_STACK_BASE", "8080")))
    person = new_id()
    data = memoryview(HEAD + os.urandom(64 * MIB))
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=300)) as http,
        ours(stack, http, person) as mine,
        peer(stack, http) as theirs,
    ):
        try:
            for at_once, size in ((1, 64), (8, 12)):
                part = data[: size * MIB]
                figures = await in_turn(
                    lambda part=part, at_once=at_once: mine.speed(http, part, at_once),  # type: ignore[misc]
                    lambda part=part, at_once=at_once: theirs.speed(http, part, at_once),  # type: ignore[misc]
                )
                name = f"MB/s, {at_once} x {size} MiB"
                tell(compare("upload", name, *figures, bar=0.8, higher_is_better=True, note="@tus/server + s3-store"))
            for at_once, most in GROWTH_MB.items():
                grown = await growth(mine, http, data[: 12 * MIB], at_once)
                other = await growth(theirs, http, data[: 12 * MIB], at_once)
                note = f"@tus/server: by {other:.0f} MB, to {theirs.memory():.0f}; ours stands at {mine.memory():.0f}"
                tell(limit("upload", f"MB grown by {at_once} uploads at once", grown, most=most, note=note))
        finally:
            await sweep(stack, http, person)


async def sweep(stack: Endpoints, http: aiohttp.ClientSession, person: object) -> None:
    """Leave the bucket as it was."""
    login = {"access_key": stack.s3_access_key, "secret_key": stack.s3_secret_key, "bucket": stack.s3_bucket}
    multipart = Multipart(http, endpoint=stack.s3_endpoint, **login)
    store = BytesStore(open_objects(stack.s3_endpoint, **login), multipart, None)
    await store.delete_prefix(f"media/{person}/")
    await store.delete_prefix("bench-peer-")


if __name__ == "__main__":
    asyncio.run(main())
