"""A real Envoy in front of small upstreams that say what reached them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml

from daira_devtools.gateway.edge import Edge, Limits
from daira_devtools.gateway.envoy import configuration
from daira_devtools.gateway.table import Access, Route, ordered
from daira_devtools.stack.downloads import wheel_binary
from daira_devtools.stack.table import load as load_processes
from daira_testing.ports import free_port
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually

SERVICES = ("auth", "feed", "interaction", "media")


def route(method: str, template: str, service: str, access: Access = Access.PUBLIC) -> Route:
    return Route(method=method, template=template, service=service, access=access)


ROUTES = ordered(
    [
        route("GET", "/.well-known/jwks.json", "auth"),
        route("GET", "/v1/sandbox/messages", "auth"),
        route("POST", "/v1/auth/login", "auth"),
        route("GET", "/v1/posts/{post_id}", "feed", Access.OPTIONAL),
        route("DELETE", "/v1/posts/{post_id}", "feed", Access.REQUIRED),
        route("GET", "/v1/posts/{post_id}/comments", "interaction", Access.REQUIRED),
        route("GET", "/v1/posts/latest", "interaction"),
        route("POST", "/v1/events", "interaction", Access.REQUIRED),
        route("PATCH", "/v1/uploads/{upload_id}", "media", Access.REQUIRED),
        route("GET", "/media/videos/{playback_id}/{path...}", "media"),
    ]
)


class Upstreams:
    """One server on a port a service; it answers what it was asked. `keys` is what auth's JWKS route serves."""

    def __init__(self) -> None:
        self.ports = {name: free_port() for name in SERVICES}
        self.keys: dict[str, Any] | None = None
        self._names = {port: name for name, port in self.ports.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        size, first = 0, 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            first = first or size
            if not message.get("more_body"):
                break
        body = json.dumps(self._echo(scope, size, first)).encode()
        status = 200
        if scope["path"] == "/.well-known/jwks.json":
            status, body = (200, json.dumps(self.keys).encode()) if self.keys else (503, b"")
        headers = [(b"content-type", b"application/json"), (b"etag", b'"v1"')]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _echo(self, scope: Any, size: int, first: int) -> dict[str, Any]:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        return {
            "service": self._names[scope["server"][1]],
            "method": scope["method"],
            "path": scope["path"],
            "headers": headers,
            "bytes": size,
            "firstRead": first,
        }


class Gateway:
    """A running Envoy and a client of it."""

    def __init__(self, client: httpx.AsyncClient, upstreams: Upstreams, admin: str, port: int, log: Path) -> None:
        self.client, self.upstreams, self.admin, self.port, self.log = client, upstreams, admin, port, log

    async def statistic(self, name: str) -> int:
        answer = await httpx.AsyncClient().get(f"{self.admin}/stats", params={"filter": f"^{name}$"})
        return int(answer.text.rpartition(":")[2] or 0)


OpenGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def open_gateway(tmp_path: Path) -> AsyncIterator[OpenGateway]:
    """`await open_gateway(keys=…, env="dev", limits=…)`; ended after the test."""
    async with AsyncExitStack() as opened:

        async def make(**options: Any) -> Gateway:
            return await opened.enter_async_context(running(tmp_path, **options))

        yield make


@pytest.fixture
async def gateway(open_gateway: OpenGateway, mint: TokenMint) -> Gateway:
    """In development, with the keys of the tests' mint, which it has already fetched."""
    gateway = await open_gateway(keys=mint.jwks())

    async def has_keys() -> bool:
        return await gateway.statistic("http.edge.jwt_authn.jwks_fetch_success") > 0

    await eventually(has_keys)
    return gateway


@asynccontextmanager
async def running(
    folder: Path,
    *,
    keys: dict[str, Any] | None = None,
    env: Any = "dev",
    limits: Limits | None = None,
    down: tuple[str, ...] = (),
    keys_seconds: int = 30,
) -> AsyncIterator[Gateway]:
    upstreams = Upstreams()
    upstreams.keys = keys
    openapi = folder / "openapi.json"
    openapi.write_text(json.dumps({"openapi": "3.1.0", "paths": {}, "filler": "x" * 50_000}))
    edge = Edge(
        env=env,
        upstreams={name: ("127.0.0.1", port) for name, port in upstreams.ports.items()},
        port=free_port(),
        admin_port=free_port(),
        openapi=openapi,
        limits=limits,
        keys_seconds=keys_seconds,
    )
    config = folder / "envoy.yaml"
    config.write_text(yaml.safe_dump(configuration(edge, ROUTES)))
    log = folder / "envoy.log"
    async with serving(upstreams, down), envoy(config, log):
        admin = f"http://127.0.0.1:{edge.admin_port}"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", timeout=10) as client:

            async def ready() -> bool:
                try:
                    return (await client.get(f"{admin}/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready)
            yield Gateway(client, upstreams, admin, edge.port, log)


@asynccontextmanager
async def serving(upstreams: Upstreams, down: tuple[str, ...]) -> AsyncIterator[None]:
    up = [port for name, port in upstreams.ports.items() if name not in down]
    sockets = [socket.create_server(("127.0.0.1", port)) for port in up]
    server = uvicorn.Server(uvicorn.Config(upstreams, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=sockets))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def envoy(config: Path, log: Path) -> AsyncIterator[None]:
    options = [
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "--log-level",
        "error",
        "--file-flush-interval-msec",
        "100",
    ]
    command = [str(binary()), "-c", str(config), *options]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


def binary() -> Path:
    return wheel_binary(load_processes().download["envoy"])
