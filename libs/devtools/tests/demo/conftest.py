"""A small gateway that knows the demo's first steps, and a stack that only notes what is asked of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import pytest_asyncio

DEMO = """
import sys
from pathlib import Path
from daira_devtools.demo.__main__ import main
from daira_devtools.stack import endpoints

class Recording:
    endpoints = endpoints(int(sys.argv[1]))

    def note(self, word):
        with Path(sys.argv[2]).open("a") as file:
            print(word, file=file)

    async def up(self, base, groups):
        self.note("up")

    async def down(self):
        self.note("down")
        return 1

sys.exit(main(["--base", sys.argv[1]], stack=Recording()))
"""
ANSWERS: dict[str, Any] = {
    "POST /v1/auth/login": {"sessionId": "s", "method": "FLASH_CALL"},
    "GET /v1/sandbox/messages": {"items": [{"code": "123456"}]},
    "POST /v1/auth/verify": {"accessToken": "t", "userId": "u"},
    "PATCH /v1/users/me": {},
    "PUT /v1/users/u/follow": {"state": "FOLLOWING"},
}


class Gateway(ThreadingHTTPServer):
    """Answers from ANSWERS; `early` holds answers that come first, `upload` decides what becomes of a chunk."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = dict(ANSWERS)
        self.early: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.asked: list[str] = []
        self.has_a_chunk, self.may_go_on = Event(), Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        asked = f"{self.command} {path}"
        self.server.asked.append(asked)
        if path == "/v1/uploads":
            self._say(201, {}, {"Location": "/v1/uploads/1", "Upload-Media-Id": "m"})
        elif asked == "HEAD /v1/uploads/1":
            self._say(200, None, {"Upload-Offset": "0"})
        elif asked == "PATCH /v1/uploads/1":
            self._break_off()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            early = self.server.early.get(asked)
            status, headers = early.pop(0) if early else (200, {})
            self._say(status, self.server.answers[asked], headers)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

    def _break_off(self) -> None:
        self.rfile.read(1000)
        self.server.has_a_chunk.set()
        self.server.may_go_on.wait(30)
        self.close_connection = True
        self.connection.close()

    def _say(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def gateway() -> Any:
    """Closes the connection in the middle of every chunk, as soon as `may_go_on` is set."""
    server = Gateway()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.may_go_on.set()
    server.shutdown()
    server.server_close()


class Run:
    """The demo as a process whose output is piped."""

    def __init__(self, child: asyncio.subprocess.Process, notes: Path) -> None:
        self.child, self._notes = child, notes

    async def end(self) -> tuple[int, list[str]]:
        """Exit code and lines of output, both streams."""
        out, _ = await self.child.communicate()
        assert self.child.returncode is not None
        return self.child.returncode, out.decode().splitlines()

    @property
    def notes(self) -> list[str]:
        """What was asked of the stack."""
        return self._notes.read_text().split()


StartDemo = Callable[[], Awaitable[Run]]


@pytest_asyncio.fixture
async def start_demo(gateway: Gateway, tmp_path: Path) -> AsyncIterator[StartDemo]:
    """`await start_demo()`"""
    runs: list[Run] = []

    async def start() -> Run:
        command = [sys.executable, "-c", DEMO, str(gateway.server_port), str(tmp_path / "notes")]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        runs.append(Run(child, tmp_path / "notes"))
        return runs[-1]

    yield start
    for run in runs:
        if run.child.returncode is None:
            run.child.kill()
            await run.child.wait()
