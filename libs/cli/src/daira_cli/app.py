"""Finds the command that was asked for, runs it, and makes an exit code of what comes of it."""

import asyncio
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from inspect import BoundArguments
from typing import Any

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

from daira_bus.down import BROKER_ERRORS
from daira_cli import commands
from daira_cli.console import Output
from daira_cli.errors import CommandError, Down, Refused, Usage
from daira_cli.exits import Exit
from daira_cli.run.wall import WalledLoop
from daira_kit.errors import Conflict, DairaError, Locked, NotFound

HELP = """What an operator, or an engineer who replays topics, does with a running DAIRA.

Where: `--stack 8080` for a local stack; elsewhere the environment of the services (`DAIRA_FEED_POSTGRES_DSN` …).
"""
WHAT_THEN: tuple[tuple[type[DairaError], type[CommandError], str], ...] = (
    (Conflict, Refused, "look at it as it is now, then run the same command again"),
    (Locked, Refused, "wait until they are done, then run the same command again"),
    (NotFound, Usage, "look whether the name is right, and --stack, --bootstrap and --prefix"),
    (DairaError, CommandError, "daira doctor says what is reachable and what is not as it should be"),
)
EXITS = "Exit codes: " + ", ".join(f"{one.value} {one.name.lower()}" for one in Exit)


def build() -> App:
    """The whole command; a group's file is imported when it is asked for."""
    app = App(
        name="daira",
        help=HELP,
        help_epilogue=EXITS,
        version=lambda: f"daira {version('daira-cli')}",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=""),  # no --no-…, no --empty-…
    )
    for place, (name, about) in enumerate(commands.COMMANDS.items()):
        app.command(f"{commands.__name__}.{name}:app", name=name, help=about, sort_key=place)
    app.command(completion, sort_key=len(commands.COMMANDS))
    return app


def completion(shell: str = "bash") -> int:
    """Print the completion script of a shell: `daira completion zsh > ~/.zfunc/_daira`.

    Parameters
    ----------
    shell
        bash, zsh or fish
    """
    if shell not in ("bash", "zsh", "fish"):
        raise Usage(f"no completion for {shell}", then="bash, zsh or fish")
    sys.stdout.write(build().generate_completion(prog_name="daira", shell=shell) + "\n")  # type: ignore[arg-type]
    return Exit.OK


def main(arguments: Sequence[str]) -> int:
    """Runs one command line; never raises. Coroutines get a loop of their own, so this may run in a thread."""
    output = Output("--json" in arguments)
    try:
        app = build()
        _in_its_own_words(app, arguments)
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        return int(_run(command, bound) or Exit.OK)
    except CycloptsError as error:
        return _fail(output, Usage(str(error).strip(), then=f"daira {' '.join(_words(arguments))} --help"))
    except CommandError as error:
        return _fail(output, error)
    except KeyboardInterrupt:
        output.note("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:  # `daira … | head`
        sys.stderr.close()
        return Exit.OK
    except Exception as error:  # house-skip: broad-except this is the edge: what nobody foresaw is told as a bug
        return _fail(output, _explained(error))


def _in_its_own_words(app: App, arguments: Sequence[str]) -> None:
    """A list of commands shows a line of each and imports none; the one that was asked for shows its docstring."""
    for word in _words(arguments):
        if word not in set(app):
            break
        app = app[word]
    if app.default_command is not None:
        app.help = None


def _run(command: Callable[..., Any], bound: BoundArguments) -> Any:
    if not inspect.iscoroutinefunction(command):
        return command(*bound.args, **bound.kwargs)
    with asyncio.Runner(loop_factory=WalledLoop) as runner:
        return runner.run(command(*bound.args, **bound.kwargs))


def _explained(error: Exception) -> CommandError:
    if isinstance(error, BROKER_ERRORS):
        return Down(f"Kafka: {_named(error)}", then="daira doctor says what is reachable", code="kafka_down")
    from daira_stores.transient import is_transient  # with its drivers: not for commands that succeed

    if is_transient(error):
        return Down(_named(error), then="daira doctor says what is reachable")
    for kind, told, then in WHAT_THEN:
        if isinstance(error, kind):
            return told(error.detail, then=then, code=error.code)
    traceback.print_exception(error)
    return CommandError(_named(error), then="this is a mistake in the command: report it with the lines above")


def _named(error: Exception) -> str:
    first, _, _ = str(error).strip().partition("\n")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _fail(output: Output, error: CommandError) -> int:
    output.error(error)
    # On one line: a command that streams may have said JSON Lines before.
    output.record({"error": {"code": error.slug, "message": error.message, "then": error.then}})
    return error.exit


def _words(arguments: Sequence[str]) -> list[str]:
    """The command's name, as far as it was typed."""
    words = []
    for argument in arguments[:2]:
        if argument.startswith("-"):
            break
        words.append(argument)
    return words
