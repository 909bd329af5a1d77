"""Programs that run while a stack is up."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from daira_devtools.stack import place, ports, table
from daira_devtools.stack.during import during
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.stack import Stack
from daira_testing.waiting import eventually

ROWS = table.load()
VALKEY_ONLY = msgspec.structs.replace(ROWS, process={"valkey": ROWS.process["valkey"]}, step={})
SPEAKS_TO_THE_STACK = (
    "import os, sys; from redis import Redis; base = int(os.environ['DAIRA_STACK_BASE']);"
    "sys.exit(7 if Redis(port=base + 11).ping() else 1)"
)
TIDIES_UP = """
import pathlib, sys, time
try:
    pathlib.Path(sys.argv[1], "running").touch()
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1], "tidied").touch()
"""
RUNS_DURING = """
import sys
from pathlib import Path
from daira_devtools.stack import signals, place
from daira_devtools.stack.during import during
from daira_devtools.stack.stack import Stack
import msgspec
from daira_devtools.stack import table
rows = table.load()
rows = msgspec.structs.replace(rows, process={"valkey": rows.process["valkey"]}, step={})
folder, base, *command = sys.argv[1:]
try:
    signals.run(during(Stack(place.StackFolder("t", Path(folder)), rows), int(base), ["stores"], command))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def base() -> int:
    """A base port with nothing on Valkey's port."""
    return next(base for base in range(41000, 60000, 100) if not ports.is_taken("127.0.0.1", base + 11))


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(place.StackFolder("t", tmp_path), VALKEY_ONLY)
    yield made
    await made.down(kill=True)


async def test_the_program_finds_the_stack_and_its_exit_code_is_ours(stack: Stack, base: int) -> None:
    code = await during(stack, base, ["stores"], [sys.executable, "-c", SPEAKS_TO_THE_STACK])

    assert code == 7
    assert not stack.is_running


async def test_a_stack_that_ran_before_runs_on(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])

    await during(stack, base, ["stores"], ["true"])

    assert stack.is_running


async def test_without_a_stack_the_program_does_not_run(stack: Stack, base: int, tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", base + 11))
        with pytest.raises(StackError, match="ports taken"):
            await during(stack, base, ["stores"], ["touch", str(tmp_path / "ran")])

    assert not (tmp_path / "ran").exists()


async def test_an_interrupted_program_tidies_up_and_the_stack_goes_down(
    stack: Stack, base: int, tmp_path: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUNS_DURING, str(tmp_path), str(base), sys.executable, "-c", TIDIES_UP, str(tmp_path)
    )

    async def is_running() -> bool:
        return (tmp_path / "running").exists()

    await eventually(is_running)

    child.send_signal(signal.SIGINT)

    assert await child.wait() == 130
    assert (tmp_path / "tidied").exists()
    assert not stack.is_running
