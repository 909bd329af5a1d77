"""What happens between a program and its start."""

import os
from pathlib import Path

import pytest

from daira_devtools.stack import place, table
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.prepare import prepare
from daira_devtools.stack.scope import Scope

COUNT = ("bash", "-c", "echo ran >>${data}/times")
ROW = table.Process(group="services", command=("true",), ready="http http /")


@pytest.fixture
def folder(tmp_path: Path) -> place.StackFolder:
    """A stack whose two databases were initialised some time ago."""
    made = place.StackFolder("t", tmp_path)
    for store in ("postgres", "cassandra"):
        made.data(store).mkdir(parents=True)
        (made.data(store) / ".prepared").touch()
    return made


async def start(folder: place.StackFolder, **changes: object) -> int:
    """Prepares a start; returns how often the counting command has run so far."""
    row = table.Process(**{**{name: getattr(ROW, name) for name in ROW.__struct_fields__}, **changes})
    await prepare("one", row, Scope(table.load(), folder, 20000), folder, {})
    times = folder.data("one") / "times"
    return len(times.read_text().splitlines()) if times.exists() else 0


async def test_data_are_initialised_once(folder: place.StackFolder) -> None:
    assert await start(folder, once=(COUNT,)) == 1
    assert await start(folder, once=(COUNT,)) == 1


async def test_data_whose_initialisation_failed_are_initialised_from_nothing(folder: place.StackFolder) -> None:
    with pytest.raises(StackError):
        await start(folder, once=(COUNT, ("false",)))

    assert await start(folder, once=(COUNT,)) == 1


async def test_migrations_run_again_only_when_they_or_the_databases_are_others(folder: place.StackFolder) -> None:
    unchanged = {"before": (COUNT,), "before_if_changed": ("compose/native.toml",)}
    assert await start(folder, **unchanged) == 1
    assert await start(folder, **unchanged) == 1

    assert await start(folder, **{**unchanged, "before_if_changed": ("compose/stores.yaml",)}) == 2
    os.utime(folder.data("postgres") / ".prepared", ns=(1, 1))
    assert await start(folder, **unchanged) == 3


async def test_failed_migrations_run_again(folder: place.StackFolder) -> None:
    with pytest.raises(StackError):
        await start(folder, before=(COUNT, ("false",)), before_if_changed=("compose/native.toml",))

    assert await start(folder, before=(COUNT,), before_if_changed=("compose/native.toml",)) == 2


async def test_databases_of_unknown_age_are_migrated_at_every_start(folder: place.StackFolder) -> None:
    (folder.data("cassandra") / ".prepared").unlink()

    assert await start(folder, before=(COUNT,), before_if_changed=("compose/native.toml",)) == 1
    assert await start(folder, before=(COUNT,), before_if_changed=("compose/native.toml",)) == 2


async def test_what_a_killed_process_left_is_out_of_the_way(folder: place.StackFolder) -> None:
    await start(folder)
    (folder.data("one") / "lock.pid").write_text("1234")

    await start(folder, stale=("lock.pid",))

    assert not (folder.data("one") / "lock.pid").exists()


async def test_configuration_is_written_with_the_ports_of_the_stack(folder: place.StackFolder) -> None:
    await start(folder, files={"server.properties": "kafka.properties"})

    text = (folder.config("one") / "server.properties").read_text()
    assert "advertised.listeners=BROKER://127.0.0.1:20012" in text
    assert "${" not in text
