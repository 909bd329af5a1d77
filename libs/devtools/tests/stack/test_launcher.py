"""The launcher with real programs: Valkey, ready in a tenth of a second, and small stand-ins that misbehave."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from redis import Redis

from daira_devtools.stack import place, ports, processes, table
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.stack import Stack
from daira_testing.waiting import eventually

ROWS = table.load()
NEVER_READY = table.Process(
    group="services", command=("sleep", "600"), ready="http http /", ports={"http": 30}, ready_seconds=0.5
)
DIES = table.Process(
    group="services", command=("bash", "-c", "echo my disk is full; exit 3"), ready="http http /", ports={"http": 30}
)

UP = """
import sys
from pathlib import Path
from daira_devtools.stack import Stack, place, signals, table
stack = Stack(place.StackFolder("t", Path(sys.argv[1])), table.load(), lambda line: print(line, flush=True))
try:
    signals.run(stack.up(int(sys.argv[2]), ["stores"]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def with_processes(**rows: table.Process) -> table.Table:
    return msgspec.structs.replace(ROWS, process={"valkey": ROWS.process["valkey"], **rows}, step={})


def free_base() -> int:
    """A base port with nothing on the ports these tests use."""
    for base in range(30000 + os.getpid() % 9000, 60000, 100):
        if not any(ports.is_taken("127.0.0.1", base + offset) for offset in range(50)):
            return base
    raise AssertionError("no free ports")


@pytest.fixture
def base() -> int:
    return free_base()


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(place.StackFolder("t", tmp_path), with_processes())
    yield made
    await made.down(kill=True)


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


def misbehaving(stack: Stack, row: table.Process) -> Stack:
    row = msgspec.structs.replace(row, needs=("valkey",), group="gateway")
    return Stack(stack.folder, with_processes(bad=row))


def client(stack: Stack) -> Redis:
    return Redis.from_url(f"redis://127.0.0.1:{stack.base + 11}/0", decode_responses=True)


async def test_a_stack_that_is_up_stays_as_it_is_on_a_second_up(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])
    first = stack.records

    await stack.up(base, ["stores"])

    assert stack.records == first
    assert [line.state for line in await stack.status()] == ["ready"]


async def test_down_stops_all_and_a_second_down_finds_nothing(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])

    assert await stack.down() == 1
    assert await stack.down() == 0
    assert not ports.is_taken("127.0.0.1", base + 11)


async def test_data_survive_down_and_up(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])
    client(stack).set("kept", "yes")
    await stack.down()

    await stack.up(base, ["stores"])

    assert client(stack).get("kept") == "yes"


async def test_a_killed_process_is_started_again_by_up(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])
    os.kill(stack.records[0].pid, signal.SIGKILL)

    async def is_dead() -> bool:
        return not stack.is_running

    await eventually(is_dead)
    assert [line.state for line in await stack.status()] == ["dead"]

    await stack.up(base, ["stores"])

    assert client(stack).ping()


async def test_one_process_can_be_killed_and_started_under_the_others(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])

    assert await stack.stop("valkey", kill=True) == 1
    await stack.start("valkey")

    assert client(stack).ping()
    with pytest.raises(StackError, match="no process is called valky"):
        await stack.stop("valky")


async def test_a_stale_record_with_a_strangers_id_is_replaced_and_the_stranger_lives(stack: Stack, base: int) -> None:
    stranger = processes.spawn(
        "stranger",
        ["sleep", "600"],
        env={},
        log=stack.folder.log("s"),
        cwd=Path.cwd(),
        record=stack.folder.path / "s.json",
    )
    stale = msgspec.structs.replace(stranger.record, name="valkey", start=1, group="stores")
    stack.folder.records.mkdir(parents=True)
    stack.folder.record("valkey").write_bytes(msgspec.json.encode(stale))

    await stack.up(base, ["stores"])
    await stack.down()

    assert processes.is_alive(stranger.record)
    await processes.stop(stranger.record)


async def test_a_port_somebody_else_holds_is_named_before_anything_starts(stack: Stack, base: int) -> None:
    with listening(base + 11), pytest.raises(StackError, match=f"{base + 11} .valkey redis."):
        await stack.up(base, ["stores"])

    assert stack.records == []


async def test_a_running_stack_refuses_another_base_port(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])

    with pytest.raises(StackError, match=f"runs on base port {base}"):
        await stack.up(base + 100, ["stores"])


async def test_a_process_that_dies_is_reported_with_its_last_words_and_the_rest_is_stopped(
    stack: Stack, base: int
) -> None:
    bad = misbehaving(stack, DIES)

    with pytest.raises(StackError, match=r"(?s)bad ended with 3.*my disk is full"):
        await bad.up(base, ["stores", "gateway"])

    assert bad.records == []
    assert not ports.is_taken("127.0.0.1", base + 11)


async def test_a_process_that_never_answers_is_given_up_in_time(stack: Stack, base: int) -> None:
    bad = misbehaving(stack, NEVER_READY)

    with pytest.raises(StackError, match="bad was not ready after"):
        await bad.up(base, ["stores", "gateway"])

    assert bad.records == []


async def test_what_ran_before_a_failed_up_is_left_running(stack: Stack, base: int) -> None:
    await stack.up(base, ["stores"])

    with pytest.raises(StackError):
        await misbehaving(stack, DIES).up(base, ["stores", "gateway"])

    assert client(stack).ping()


async def test_two_stacks_run_side_by_side(stack: Stack, base: int, tmp_path: Path) -> None:
    other = Stack(place.StackFolder("other", tmp_path), with_processes())

    await asyncio.gather(stack.up(base, ["stores"]), other.up(base + 100, ["stores"]))
    client(stack).set("whose", "first")

    assert client(other).get("whose") is None
    assert await other.down() == 1
    assert client(stack).get("whose") == "first"


async def test_two_commands_on_one_stack_do_not_mix(stack: Stack, base: int) -> None:
    again = Stack(stack.folder, stack.rows)

    results = await asyncio.gather(stack.up(base, ["stores"]), again.up(base, ["stores"]), return_exceptions=True)

    assert [str(result) for result in results if result] == ["another command is working on the stack t"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interruption_of_up_leaves_nothing_running(
    number: signal.Signals, stack: Stack, base: int, tmp_path: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UP, str(tmp_path), str(base), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout
    await child.stdout.readuntil(b"ready")

    child.send_signal(number)
    child.send_signal(number)

    assert await child.wait() == 130
    assert stack.records == []
    assert not any(ports.is_taken("127.0.0.1", base + offset) for offset in range(50))


async def test_what_a_killed_launcher_had_started_is_found_by_down(stack: Stack, base: int, tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UP, str(tmp_path), str(base), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout
    await child.stdout.readuntil(b"ready")
    child.kill()
    await child.wait()

    assert await stack.down() > 0

    assert not stack.is_running
    assert not any(ports.is_taken("127.0.0.1", base + offset) for offset in range(50))
