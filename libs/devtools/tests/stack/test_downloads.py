"""The download cache, with a stand-in for `go install` that counts how often it is asked."""

import asyncio
import os
from pathlib import Path

import pytest

from daira_devtools.stack import downloads, tools
from daira_devtools.stack.errors import MissingTool, StackError
from daira_devtools.stack.table import Download
from daira_testing.waiting import eventually

GO = '#!/bin/sh\necho asked >>"$ASKED"\n'
TOOL = {"tool": Download(kind="go", version="v1", package="example.org/tool")}


def silent(_: str) -> None:
    pass


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose `go` writes a small program; the cache is empty."""
    monkeypatch.setenv("DAIRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    write_go(tmp_path, 'sleep 0.1; echo "program $2" >"$GOBIN/tool"')
    return tmp_path


def write_go(folder: Path, script: str) -> None:
    (folder / "go").write_text(GO + script + "\n")
    (folder / "go").chmod(0o755)


def times_asked(machine: Path) -> int:
    asked = machine / "asked"
    return len(asked.read_text().splitlines()) if asked.exists() else 0


def program(machine: Path, version: str = "v1") -> Path:
    return machine / "cache" / f"tool-{version}" / "tool"


async def test_a_program_is_fetched_once(machine: Path) -> None:
    await downloads.fetch(TOOL, silent)
    await downloads.fetch(TOOL, silent)

    assert program(machine).read_text() == "program example.org/tool@v1\n"
    assert times_asked(machine) == 1


async def test_two_stacks_that_start_together_fetch_it_once(machine: Path) -> None:
    await asyncio.gather(downloads.fetch(TOOL, silent), downloads.fetch(TOOL, silent))

    assert times_asked(machine) == 1


async def test_a_damaged_program_is_fetched_again(machine: Path) -> None:
    await downloads.fetch(TOOL, silent)
    program(machine).write_text("tampered")

    await downloads.fetch(TOOL, silent)

    assert program(machine).read_text() == "program example.org/tool@v1\n"


async def test_another_version_lies_beside_the_old_one(machine: Path) -> None:
    await downloads.fetch(TOOL, silent)
    await downloads.fetch({"tool": Download(kind="go", version="v2", package="example.org/tool")}, silent)

    assert program(machine).exists() and program(machine, "v2").exists()


async def test_a_failed_download_says_why_and_leaves_nothing(machine: Path) -> None:
    write_go(machine, "echo no such module >&2; exit 1")

    with pytest.raises(StackError, match="no such module"):
        await downloads.fetch(TOOL, silent)

    assert [path.name for path in (machine / "cache").iterdir()] == ["tool.lock"]


async def test_an_interrupted_download_is_killed_and_leaves_nothing(machine: Path) -> None:
    write_go(machine, 'echo $$ >"$ASKED.pid"; sleep 600')
    fetching = asyncio.create_task(downloads.fetch(TOOL, silent))

    async def has_begun() -> bool:
        return (machine / "asked.pid").exists() and bool((machine / "asked.pid").read_text())

    await eventually(has_begun)

    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching

    with pytest.raises(ProcessLookupError):
        os.kill(int((machine / "asked.pid").read_text()), 0)
    assert [path.name for path in (machine / "cache").iterdir()] == ["tool.lock"]


def test_every_missing_tool_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingTool, match=r"(?s)go is missing.*go\.dev.*java is missing.*openjdk-17"):
        tools.require(["java", "go"])


def test_a_browser_of_another_name_is_not_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.missing(["chromium"]) == ["chromium is missing: Chromium: `apt-get install chromium`"]

    (tmp_path / "google-chrome").write_text("#!/bin/sh\n")
    (tmp_path / "google-chrome").chmod(0o755)

    assert tools.missing(["chromium"]) == []


def test_a_java_too_new_for_cassandra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"24.0.1\"' >&2\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingTool, match="version 24"):
        tools.require_java()
