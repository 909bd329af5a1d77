"""The command as a whole: finding commands, help, versions, exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from importlib import import_module
from operator import getitem

import pytest
from cyclopts import App

from daira_cli.app import build
from daira_cli.commands import COMMANDS
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_kit.errors import DairaError, Locked, NotFound, Unavailable
from daira_testing.command import say

ALL = ["completion", *COMMANDS]
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


@pytest.mark.parametrize("path", leaves(build()), ids=" ".join)
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    arguments = reduce(getitem, path, build()).assemble_argument_collection(parse_docstring=True)

    assert [argument.name for argument in arguments if argument.show and not argument.parameter.help] == []


@pytest.mark.parametrize("path", [*leaves(build()), ("rebuild",)], ids=" ".join)
async def test_help_has_an_example_of_the_command(path: tuple[str, ...]) -> None:
    usage, _, text = " ".join((await say(*path, "--help")).out.split()).partition("Parameters")[0].partition(" ")

    assert usage == "Usage:"
    assert text.count(f"daira {' '.join(path)}") > 1


def test_a_group_has_a_line_for_each_of_its_commands_before_any_is_imported() -> None:
    said = subprocess.run([sys.executable, "-m", "daira_cli", "replay", "--help"], capture_output=True, check=True)
    out = " ".join(said.stdout.decode().split())

    assert all(words in out for words in ("diff Two outcomes", "dump Records of topics", "run A dump through"))


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


def test_a_completion_script_is_one_that_bash_can_read() -> None:
    script = subprocess.run([sys.executable, "-m", "daira_cli", "completion", "bash"], capture_output=True, check=True)

    subprocess.run(["bash", "-n"], input=script.stdout, check=True)
    assert b"groups" in script.stdout


def test_a_terminal_gets_colour_and_a_pipe_none() -> None:
    command = [sys.executable, "-m", "daira_cli", "contracts", "ls"]
    terminal, side = os.openpty()
    with subprocess.Popen(command, stdout=side, stderr=side, env=os.environ | {"TERM": "xterm-256color"}) as running:
        os.close(side)
        shown = _read_all(terminal)
    piped = subprocess.run(command, capture_output=True, check=True).stdout

    assert (running.returncode, b"\x1b[" in shown, b"\x1b" in piped) == (0, True, False)


def _read_all(terminal: int) -> bytes:
    shown = b""
    with suppress(OSError):  # what Linux says when the other side of a terminal is closed
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown


def test_a_reader_that_goes_away_ends_the_command_without_a_word() -> None:
    command = [sys.executable, "-m", "daira_cli", "config", "--stack", "8080", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()

    assert (running.returncode, said) == (0, b"")


def _raising(error: BaseException) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail


async def test_a_mistake_of_the_command_is_told_as_one_with_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daira_cli.commands.config.settings_of", _raising(ZeroDivisionError("one by nothing")))

    said = await say("config")

    assert (said.code, "[bug]" in said.err, "Traceback" in said.err) == (Exit.BUG, True, True)


async def test_ctrl_c_is_not_an_error_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daira_cli.commands.config.settings_of", _raising(KeyboardInterrupt()))

    said = await say("config")

    assert (said.code, "Traceback" in said.err) == (Exit.INTERRUPTED, False)


@pytest.mark.parametrize(
    ("error", "code"),
    [(Locked("somebody is at it"), Exit.REFUSED), (Unavailable("away"), Exit.DOWN), (NotFound("no"), Exit.USAGE)],
)
async def test_what_a_library_refuses_keeps_its_code_and_gets_an_exit(
    monkeypatch: pytest.MonkeyPatch, error: DairaError, code: Exit
) -> None:
    monkeypatch.setattr("daira_cli.commands.config.settings_of", _raising(error))

    said = await say("config", "--json")

    assert (said.code, said.json["error"]["message"].endswith(error.detail)) == (code, True)
    assert said.json["error"]["then"]
