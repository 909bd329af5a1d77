import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn
from psycopg import AsyncConnection, sql

from daira_devtools.stack import Endpoints
from daira_kit.ids import new_id
from daira_media.service.media import MediaService
from daira_media.settings import Settings
from daira_media.wiring import build
from daira_runtime import Process, Role, open_process
from daira_stores.migrate import all_for, apply
from daira_stores.postgres import Database
from daira_testing.ports import free_port
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}


class Running(msgspec.Struct, kw_only=True):
    """A whole media process on a real socket, and a person who may use it."""

    process: Process
    http: httpx.AsyncClient
    url: str
    mint: TokenMint
    person: UUID

    @property
    def media(self) -> MediaService:
        return self.process.parts.target  # type: ignore[return-value]

    @property
    def database(self) -> Database:
        return self.process.platform.database

    def auth(self, person: UUID | None = None) -> dict[str, str]:
        return self.mint.headers(person or self.person)

    async def create(self, length: int | None, person: UUID | None = None, **headers: str) -> httpx.Response:
        size = {"Upload-Length": str(length)} if length is not None else {"Upload-Defer-Length": "1"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/v1/uploads", headers=TUS | self.auth(person) | size | named)

    async def created(self, length: int | None, **headers: str) -> str:
        answer = await self.create(length, None, **headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"]).removeprefix(self.url)

    async def patch(self, path: str, offset: int, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.patch(
            path, headers=CHUNK | self.auth() | {"Upload-Offset": str(offset)} | named, content=body
        )

    async def head(self, path: str, person: UUID | None = None) -> httpx.Response:
        return await self.http.head(path, headers=TUS | self.auth(person))

    async def offset(self, path: str) -> int:
        answer = await self.head(path)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    async def stored(self, path: str) -> bytes:
        """The original in the bucket."""
        asset = await self.media.assets.read(self.person, UUID(path.rpartition("/")[2]))
        store = self.media.uploads._store
        return b"".join([chunk async for chunk in store.read(asset.asset.storage_key)])


Start = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def serve(app: Any, port: int) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        return server.started

    await eventually(has_started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
async def media_dsn(stack: Endpoints) -> AsyncIterator[str]:
    """One database for all tests of media: each test is a person of its own."""
    name = f"test_media_{secrets.token_hex(4)}"
    await administer(stack, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    await apply(stack.postgres_dsn(name), all_for("media"))
    yield stack.postgres_dsn(name)
    await administer(stack, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def administer(stack: Endpoints, statement: sql.Composed) -> None:
    """On a connection of its own: fault tests restart the server in between."""
    async with await AsyncConnection.connect(stack.postgres_dsn("postgres"), autocommit=True) as admin:
        await admin.execute(statement)


@pytest.fixture(scope="session")
def make_settings(media_dsn: str, stack: Endpoints, probe: TopicProbe, mint: TokenMint) -> Callable[..., Settings]:
    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "env": "dev",
            "postgres_dsn": media_dsn,
            "kafka_bootstrap": stack.kafka_bootstrap,
            "cursor_secret": "test-cursor-secret",
            "root_public_key": mint.root_public_key,
            "topic_prefix": probe.prefix,
            "drain_seconds": 5.0,
            "postgres_pool_size": 4,
            "narrowing_settle_seconds": 0.2,
            "redis_url": stack.redis_url,
            "s3_endpoint": stack.s3_endpoint,
            "s3_access_key": stack.s3_access_key,
            "s3_secret_key": stack.s3_secret_key,
            "s3_bucket": stack.s3_bucket,
        }
        return Settings(**(values | changes))

    return make


@asynccontextmanager
async def run(settings: Settings, mint: TokenMint, role: Role) -> AsyncIterator[Running]:
    async with open_process("media", settings, build, role) as process:
        process.platform.verifier.put_key(mint.event)
        async with (
            serve(process.app, free_port()) as url,
            httpx.AsyncClient(base_url=url, timeout=60) as http,
        ):
            yield Running(process=process, http=http, url=url, mint=mint, person=new_id())


@pytest.fixture(scope="session")
async def whole(make_settings: Callable[..., Settings], mint: TokenMint) -> AsyncIterator[Running]:
    """One process with all roles for the whole run."""
    async with run(make_settings(), mint, Role.ALL) as one:
        yield one


@pytest.fixture
async def running(whole: Running) -> AsyncIterator[Running]:
    """The shared process, and a person nobody else is."""
    one = msgspec.structs.replace(whole, person=new_id())
    yield one
    await one.media.assets.erase_bytes(one.person)


@pytest.fixture
async def start(make_settings: Callable[..., Settings], whole: Running, mint: TokenMint) -> Start:
    """Another front with other settings; jobs run in the shared process, which clears up too: its S3 answers."""

    @asynccontextmanager
    async def starter(**changes: Any) -> AsyncIterator[Running]:
        async with run(make_settings(**changes), mint, Role.HTTP) as one:
            yield one
            await whole.media.assets.erase_bytes(one.person)

    return starter


class Replica(msgspec.Struct, kw_only=True):
    """Another front in a process of its own, which can be killed."""

    child: asyncio.subprocess.Process
    url: str

    def memory(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ProcessLookupError

    async def kill(self) -> None:
        if self.child.returncode is None:
            self.child.kill()
            await self.child.wait()


@pytest.fixture
async def spawn(
    make_settings: Callable[..., Settings], mint: TokenMint, probe: TopicProbe
) -> AsyncIterator[Callable[..., Awaitable[Replica]]]:
    replicas: list[Replica] = []

    async def spawner(**changes: Any) -> Replica:
        port = free_port()
        settings = make_settings(port=port, **changes)
        values = {f"DAIRA_MEDIA_{name.upper()}": str(value) for name, value in msgspec.structs.asdict(settings).items()}
        values["DAIRA_ENV"] = values.pop("DAIRA_MEDIA_ENV")
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "daira_media",
            "--role",
            "http",
            env=values | {"PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.DEVNULL,
        )
        replica = Replica(child=child, url=f"http://127.0.0.1:{port}")
        replicas.append(replica)

        async def is_ready() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    answer = await http.get(
                        f"{replica.url}/v1/media/{new_id()}", headers=mint.headers(new_id()), timeout=2
                    )
            except httpx.HTTPError:
                return False
            return answer.status_code == 404

        await probe.publish(mint.event)
        await eventually(is_ready)
        return replica

    yield spawner
    for replica in replicas:
        await replica.kill()
