"""The command as a whole: finding commands, help, versions, exit codes."""

import subprocess
import sys
from importlib import import_module

import pytest
from cyclopts import App

from daira_cli.app import build
from daira_cli.commands import COMMANDS
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_testing.command import say

ALL = ["completion", *(name for name in COMMANDS if name in build().resolved_commands())]
SERVICES = {"auth", "user", "feed", "media", "interaction", "notification"} | {
    "moderation",
    "wallet",
    "payments",
    "admin",
    "video",
}


async def test_the_version_is_the_distributions() -> None:
    said = await say("--version")
    assert (said.code, said.out.strip()) == (0, "daira 0.1.0")


async def test_help_names_every_command_with_its_line_and_the_exit_codes() -> None:
    said = await say("--help")
    text = " ".join(said.out.replace("│", " ").split())
    assert said.code == 0
    assert all(name in text for name in ALL)
    assert all(f"{one.value} {one.name.lower()}" in text for one in Exit)


async def test_a_misspelt_command_is_answered_with_the_closest_one() -> None:
    said = await say("topcs", "plan")
    assert said.code == Exit.USAGE
    assert 'Did you mean "topics"?' in said.err
    assert "→ daira topcs plan --help" in said.err


def leaves(app: App, *path: str) -> list[tuple[str, ...]]:
    below = [name for name in app.resolved_commands() if not name.startswith("-")]
    found = [leaf for name in below for leaf in leaves(app[name], *path, name)]
    return found if below else [path]


@pytest.mark.parametrize("path", leaves(build()), ids=" ".join)
async def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    said = await say(*path, "--help")
    assert said.code == 0
    assert f"daira {' '.join(path)}" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("path", [path for path in leaves(build()) if path != ("completion",)], ids=" ".join)
async def test_every_command_can_speak_json(path: tuple[str, ...]) -> None:
    assert "--json" in (await say(*path, "--help")).out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_shell_can_complete_the_commands(shell: str) -> None:
    said = await say("completion", shell)
    assert said.code == 0
    assert "topics" in said.out


async def test_a_shell_nobody_knows_is_refused() -> None:
    assert (await say("completion", "cmd")).code == Exit.USAGE


def test_the_installed_services_are_found_without_importing_any() -> None:
    script = "import sys, daira_cli.app, daira_cli.services as s; print(s.names(), 'daira_feed' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"{sorted(SERVICES)} False"


@pytest.mark.parametrize("name", names())
def test_a_services_entry_point_is_what_its_process_runs(name: str) -> None:
    assert find(name) is import_module(f"daira_{name}.wiring").SERVICE
    assert find(name).name == name
