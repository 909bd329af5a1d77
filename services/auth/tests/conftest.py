from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from daira_auth.service import AuthService
from daira_auth.settings import Settings
from daira_auth.wiring import build
from daira_runtime import Process, open_process
from daira_sandbox.inbox import Inbox
from daira_stores.postgres import Database
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually

PHONE = "+201001234567"
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
            return answer.json().get("code") != "token_invalid"

        await eventually(look)


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
async def start(make_database: Any, common_settings: Any, redis_url: str, mint: TokenMint) -> AsyncIterator[Start]:
    database: Database = await make_database("auth")

    @asynccontextmanager
    async def starter(**changes: Any) -> AsyncIterator[Running]:
        values = common_settings(database) | {
            "redis_url": redis_url,
            "root_private_key": mint.root_private_key,
            "secret": SECRET,
        }
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
