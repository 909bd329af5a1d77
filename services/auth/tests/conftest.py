import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from daira_auth.domain.challenge import Challenge, Device
from daira_auth.domain.limits import Caller
from daira_auth.repository.budgets import Budgets
from daira_auth.service import AuthService
from daira_auth.service.mint import Tokens
from daira_auth.settings import Settings
from daira_auth.wiring import Providers, assemble, build, open_limit_storage, sandbox_providers
from daira_contracts._event import Event
from daira_kit.clock import now
from daira_runtime import Process, open_process
from daira_sandbox.inbox import Inbox
from daira_stores.postgres import Database
from daira_stores.redis import open_redis
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually

PHONE = "+201001234567"
E = TypeVar("E", bound=Event)
SECRET = "a secret of the tests, long enough"


class Phone:
    """A person with a handset: what an app does, over HTTP."""

    def __init__(self, http: httpx.AsyncClient, inbox: Inbox, number: str = PHONE) -> None:
        self.http, self.inbox, self.number = http, inbox, number

    async def ask(self, **device: object) -> httpx.Response:
        body: dict[str, object] = {"phoneNumber": self.number}
        return await self.http.post("/v1/auth/login", json=body | ({"device": device} if device else {}))

    async def log_in(self, **device: object) -> dict[str, Any]:
        asked = await self.ask(**device)
        assert asked.status_code == 200, asked.text
        answer = await self.verify(asked.json()["sessionId"], self.code())
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def verify(self, session_id: str, code: str) -> httpx.Response:
        return await self.http.post("/v1/auth/verify", json={"sessionId": session_id, "code": code})

    async def refresh(self, token: str, **more: str) -> httpx.Response:
        return await self.http.post("/v1/auth/refresh", json={"refreshToken": token, **more})

    def code(self) -> str:
        return self.inbox.read(self.number)[-1].code

    def wrong_code(self) -> str:
        return f"{(int(self.code()) + 1) % 1_000_000:06d}"


class Running(msgspec.Struct, kw_only=True):
    """A whole auth process without a socket."""

    process: Process
    http: httpx.AsyncClient
    settings: Settings

    @property
    def auth(self) -> AuthService:
        return self.process.parts.target  # type: ignore[return-value]

    @property
    def database(self) -> Database:
        return self.process.platform.database

    @property
    def inbox(self) -> Inbox:
        return self.process.parts.dependencies["sandbox"]  # type: ignore[return-value]

    def phone(self, number: str = PHONE) -> Phone:
        return Phone(self.http, self.inbox, number)

    def bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    async def trusts(self, token: str) -> None:
        """Wait until this process heard of the key that signed `token`."""

        async def look() -> bool:
            answer = await self.http.get("/v1/auth/sessions", headers=self.bearer(token))
            return bool(answer.json().get("code") not in {"token_invalid", "unavailable"})

        await eventually(look)


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
async def start(
    make_database: Any, common_settings: Any, object_settings: Any, redis_url: str, mint: TokenMint
) -> AsyncIterator[Start]:
    database: Database = await make_database("auth")

    @asynccontextmanager
    async def starter(**changes: Any) -> AsyncIterator[Running]:
        values = (
            common_settings(database)
            | object_settings
            | {
                "redis_url": redis_url,
                "root_private_key": mint.root_private_key,
                "secret": SECRET,
            }
        )
        settings = Settings(**(values | changes))
        async with open_process("auth", settings, build) as process:
            transport = httpx.ASGITransport(app=process.app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://auth") as http:
                yield Running(process=process, http=http, settings=settings)

    yield starter


@pytest.fixture
async def running(start: Start) -> AsyncIterator[Running]:
    async with start() as one:
        yield one


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = now()

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


class Bench(msgspec.Struct, kw_only=True):
    """The service without its edge, under a clock moved by hand."""

    auth: AuthService
    clock: Hands
    database: Database
    providers: Providers
    settings: Settings

    @property
    def inbox(self) -> Inbox:
        return self.providers.dependencies["sandbox"]  # type: ignore[return-value]

    def code(self, number: str = PHONE) -> str:
        return self.inbox.read(number)[-1].code

    async def start(self, number: str = PHONE, address: str = "41.32.7.9", **device: Any) -> Challenge:
        caller = Caller(address=address, device_id=device.get("id"))
        return await self.auth.logins.start(number, Device(**device), caller, "ar")

    async def verify(self, challenge: Challenge, code: str | None = None, address: str = "41.32.7.9") -> Tokens:
        return await self.auth.logins.verify(
            challenge.id, self.code(challenge.phone) if code is None else code, Caller(address=address)
        )

    async def log_in(self, number: str = PHONE, **device: Any) -> Tokens:
        return await self.verify(await self.start(number, **device))

    async def refresh(self, token: str, device_id: str | None = None, agent: str = "app") -> Tokens:
        return await self.auth.sessions.refresh(token, device_id, agent, "41.32.7.9")

    async def told(self, event_type: type[E]) -> list[E]:
        """Events of a type in the outbox, in order."""
        async with self.database.read() as work:
            rows = await work.all("SELECT value FROM outbox WHERE topic = %s ORDER BY id", (event_type.topic,))
        return [msgspec.json.decode(row["value"], type=event_type) for row in rows if row["value"] is not None]

    async def publish(self) -> None:
        """What waits in the outbox leaves it, at the time of this clock."""
        async with self.database.work() as work:
            await work.execute("UPDATE outbox SET published_at = %s WHERE published_at IS NULL", (self.clock(),))

    async def widen(self) -> None:
        """Open every connection of the pool, so that parallel requests really meet in the database."""

        async def hold() -> None:
            async with self.database.read() as work:
                await work.execute("SELECT pg_sleep(0.1)")

        await asyncio.gather(*(hold() for _ in range(self.database.pool.max_size)))

    async def count(self, table: str) -> int:
        async with self.database.read() as work:
            row = await work.one(f"SELECT count(*) AS n FROM {table}")
        return int(row["n"]) if row else 0


@pytest.fixture
async def make_bench(
    make_database: Any, common_settings: Any, object_settings: Any, redis_url: str, mint: TokenMint
) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as opened:

        async def make(**changes: Any) -> Bench:
            database: Database = await make_database("auth")
            values = (
                common_settings(database)
                | object_settings
                | {
                    "redis_url": redis_url,
                    "root_private_key": mint.root_private_key,
                    "secret": SECRET,
                }
            )
            settings = Settings(**(values | changes))
            redis = await opened.enter_async_context(open_redis(settings.redis_url, timeout=0.5))
            storage = await opened.enter_async_context(open_limit_storage(settings.redis_url, "limits"))
            budgets = Budgets(redis, storage, settings.profile, b"limits", "auth:")
            providers, clock = sandbox_providers(settings), Hands()
            auth = assemble(settings, database, budgets, providers, clock)
            return Bench(auth=auth, clock=clock, database=database, providers=providers, settings=settings)

        yield make


@pytest.fixture
async def bench(make_bench: Any) -> Bench:
    """With the development profile."""
    return await make_bench()  # type: ignore[no-any-return]


@pytest.fixture
async def strict(make_bench: Any) -> Bench:
    """With the production profile, as prod has it; only the providers are the sandbox."""
    return await make_bench(limits_profile="production")  # type: ignore[no-any-return]
