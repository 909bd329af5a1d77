"""Processes that the tests may kill, or that end themselves as a power cut would."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from daira_stores.postgres import Database
from daira_testing.topics import TopicProbe

POWER_CUT = 77
Spawn = Callable[..., "subprocess.Popen[bytes]"]
CutOff = Callable[..., Awaitable[None]]


@pytest.fixture
def spawn(probe: TopicProbe) -> Iterator[Spawn]:
    """`spawn(database, role, crash_at="", many=False)`: see lone_process.py. Killed at the end if it still runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(database: Database, role: str, crash_at: str = "", *, many: bool = False) -> "subprocess.Popen[bytes]":
        arguments = [database.dsn, probe.bootstrap, probe.prefix, role, crash_at, "many" if many else "one"]
        script = str(Path(__file__).parent / "lone_process.py")
        started.append(subprocess.Popen([sys.executable, script, *arguments]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def cut_off(spawn: Spawn) -> CutOff:
    """`await cut_off(database, role, crash_at, many=False)`: started, and ended exactly there."""

    async def run(database: Database, role: str, crash_at: str, *, many: bool = False) -> None:
        assert await asyncio.to_thread(spawn(database, role, crash_at, many=many).wait, 60) == POWER_CUT

    return run
