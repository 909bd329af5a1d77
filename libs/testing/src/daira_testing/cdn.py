"""A purge endpoint as a CDN has one, on a socket of its own, that remembers what it was asked and obeys a script."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn

from daira_testing.waiting import eventually


class Purge(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived; `target` is path and query, still escaped."""

    method: str
    target: str
    token: str
    body: str


class CdnStandIn(msgspec.Struct, kw_only=True):
    """Answers each request with the next of `statuses`, and with 200 when there is none left."""

    url: str
    asked: list[Purge] = []
    statuses: list[int] = []

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        """As an ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode().removesuffix("?")
        token = headers.get("authorization", "")
        self.asked.append(Purge(method=scope["method"], target=target, token=token, body=body.decode()))
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def cdn_stand_in() -> AsyncIterator[CdnStandIn]:
    """Listening on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        stand_in = CdnStandIn(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(stand_in, log_config=None, access_log=False, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))

        async def started() -> bool:
            return server.started

        await eventually(started, every=0.01)
        try:
            yield stand_in
        finally:
            server.should_exit = True
            await task
