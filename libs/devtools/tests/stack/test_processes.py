import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daira_devtools.stack import processes
from daira_testing.waiting import eventually

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
FAMILY = "sleep 600 & echo born; sleep 600"


def start(folder: Path, *command: str, name: str = "one", stop_seconds: float = 5.0) -> processes.Started:
    return processes.spawn(
        name,
        command,
        env={},
        log=folder / "logs" / f"{name}.log",
        cwd=folder,
        record=folder / f"{name}.json",
        stop_seconds=stop_seconds,
    )


async def has_said(folder: Path, word: str) -> None:
    async def said() -> bool:
        return word in (folder / "logs" / "one.log").read_text()

    await eventually(said)


async def has_ended(child: processes.Started) -> None:
    async def ended() -> bool:
        return child.exit_code() is not None

    await eventually(ended)


async def test_a_process_is_known_and_stopped_by_its_record(tmp_path: Path) -> None:
    start(tmp_path, "sleep", "600")
    record = processes.read(tmp_path / "one.json")
    assert record is not None and processes.is_alive(record)

    was_running = await processes.stop(record)

    assert was_running and not processes.is_alive(record)


async def test_a_stale_record_whose_id_somebody_else_has_stops_nothing(tmp_path: Path) -> None:
    stranger = start(tmp_path, "sleep", "600")
    stale = msgspec.structs.replace(stranger.record, start=stranger.record.start - 1)

    was_running = await processes.stop(stale, kill=True)

    assert not was_running and processes.is_alive(stranger.record)
    await processes.stop(stranger.record)


async def test_a_record_from_before_a_reboot_stops_nothing(tmp_path: Path) -> None:
    stranger = start(tmp_path, "sleep", "600")
    old = msgspec.structs.replace(stranger.record, boot="another boot")

    was_running = await processes.stop(old, kill=True)

    assert not was_running and processes.is_alive(stranger.record)
    await processes.stop(stranger.record)


async def test_children_of_a_process_go_with_it(tmp_path: Path) -> None:
    parent = start(tmp_path, "bash", "-c", FAMILY)
    await has_said(tmp_path, "born")

    await processes.stop(parent.record)

    assert processes.family(parent.record) == {}


async def test_a_child_that_left_the_group_goes_with_it_too(tmp_path: Path) -> None:
    parent = start(tmp_path, "bash", "-c", "setsid sleep 600 & echo born; sleep 600; true")
    await has_said(tmp_path, "born")

    async def both() -> bool:
        return len(processes.family(parent.record)) == 3

    await eventually(both)
    everybody = processes.family(parent.record)

    await processes.stop(parent.record, kill=True)

    assert not [
        pid
        for pid, begun in everybody.items()
        if (seen := processes.look_up(pid)) and seen.start == begun and seen.state != "Z"
    ]


async def test_orphans_are_stopped_though_their_parent_died_first(tmp_path: Path) -> None:
    parent = start(tmp_path, "bash", "-c", FAMILY)
    await has_said(tmp_path, "born")
    os.kill(parent.record.pid, 9)
    await has_ended(parent)
    assert processes.family(parent.record)

    was_running = await processes.stop(parent.record)

    assert was_running and processes.family(parent.record) == {}


async def test_a_process_deaf_to_its_signal_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    deaf = start(tmp_path, sys.executable, "-c", STUBBORN, stop_seconds=0.2)
    await has_said(tmp_path, "deaf")

    await processes.stop(deaf.record)

    assert not processes.is_alive(deaf.record)


async def test_a_zombie_is_not_alive(tmp_path: Path) -> None:
    child = start(tmp_path, "true")

    async def is_dead() -> bool:
        return not processes.is_alive(child.record)

    await eventually(is_dead)

    assert processes.family(child.record) == {}
    assert child.exit_code() == 0


async def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    child = start(tmp_path, "sleep", "600")

    assert await processes.stop(child.record)
    assert not await processes.stop(child.record)


def test_an_unreadable_record_counts_as_none(tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_text('{"name": "ka')

    assert processes.read(torn) is None
    assert processes.read(tmp_path / "absent.json") is None


def test_a_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from daira_devtools.stack import processes; p = pathlib.Path(sys.argv[1]);"
        "processes.spawn('one', ['sleep', '600'], env={}, log=p / 'log', cwd=p, record=p / 'one.json')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)

    record = processes.read(tmp_path / "one.json")

    assert record is not None and processes.is_alive(record)
    os.killpg(record.pid, 9)


@pytest.mark.parametrize(
    "text",
    ["1 (a b) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 55 0", "1 (x) y) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 55 0"],
)
def test_names_with_spaces_and_brackets_do_not_shift_the_fields(text: str) -> None:
    assert processes.parse(text) == processes.Kernel(state="S", parent=1, group=7, threads=1, start=55)


@pytest.mark.parametrize(("state", "threads", "is_dead"), [("S", 1, False), ("Z", 1, True), ("Z", 3, False)])
def test_a_zombie_with_threads_that_still_hold_its_ports_is_not_dead(state: str, threads: int, is_dead: bool) -> None:
    assert processes.Kernel(state=state, parent=1, group=1, threads=threads, start=1).is_dead is is_dead
