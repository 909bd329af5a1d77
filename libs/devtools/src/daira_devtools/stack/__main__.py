"""The local stack: `python -m daira_devtools.stack up|down|status|start|stop|env`."""

import shlex
import sys
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table as Grid

from daira_devtools.stack import compose_file, place, signals, stack, tools
from daira_devtools.stack.addresses import endpoints
from daira_devtools.stack.containers import Containers
from daira_devtools.stack.during import during
from daira_devtools.stack.errors import StackError

INTERRUPTED = 130
T = TypeVar("T")
app = App(name="python -m daira_devtools.stack", help=__doc__, suppress_keyboard_interrupt=False)
console = Console(highlight=False, soft_wrap=True)


@app.command
def up(
    *,
    name: str = "main",
    base: int = 8080,
    only: Literal["stores", "all"] = "all",
    extra: Annotated[list[str] | None, Parameter(name="--with")] = None,
) -> None:
    """Start what is missing and wait until it is ready.

    Parameters
    ----------
    name: the stack's name; its data, logs and records lie in .stack/<name>/
    base: first port; the gateway answers there, everything else on ports derived from it
    only: just the stores, or all
    extra: further groups of processes of the table, e.g. valkey-cluster
    """
    _undoing(_named(name).up(base, _groups(only, extra)))
    try:
        if place.mode() != "external":
            status(name=name)
        if only == "all":
            _show_urls(base)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the stack {name} is up all the same") from None


@app.command
def down(*, name: str = "main", kill: bool = False, wipe: bool = False) -> None:
    """Stop exactly what was started; data stay for a warm start.

    Parameters
    ----------
    name: the stack's name
    kill: SIGKILL at once
    wipe: remove the data too, for a start from nothing
    """
    count = signals.run(_named(name).down(kill=kill, wipe=wipe))
    console.print(f"stack {name}: {count} stopped" if count else f"stack {name}: nothing was running")


@app.command
def start(*processes: str, name: str = "main") -> None:
    """Start single processes of a stack again.

    Parameters
    ----------
    processes: names as in the status table
    name: the stack's name
    """
    _undoing(_named(name).start(*processes))


@app.command
def stop(*processes: str, name: str = "main", kill: bool = False) -> None:
    """Stop single processes of a stack.

    Parameters
    ----------
    processes: names as in the status table
    name: the stack's name
    kill: SIGKILL at once, to see what the others do
    """
    console.print(f"{signals.run(_named(name).stop(*processes, kill=kill))} stopped")


@app.command
def status(*, name: str = "main") -> None:
    """Say what runs, where, and whether it is ready.

    Parameters
    ----------
    name: the stack's name
    """
    grid = Grid("process", "state", "pid", "ports", box=None, pad_edge=False)
    for line in signals.run(_named(name).status()):
        if line.state != "absent":
            grid.add_row(line.name, line.state, str(line.pid or ""), line.ports)
    console.print(grid)


@app.command
def env(service: str, *, name: str = "main") -> None:
    """Print the environment of a service, for `eval` or a file.

    Parameters
    ----------
    service: its name
    name: the stack's name
    """
    for key, value in _named(name).environment(service).items():
        print(f"export {key}={shlex.quote(value)}")


@app.command
def migrate(*services: str, name: str = "main") -> None:
    """Bring the databases of services to today's schema; all if none is named.

    Parameters
    ----------
    services: their names
    name: the stack's name
    """
    signals.run(_named(name).migrate(services))


@app.command
def compose(*, name: str | None = None) -> None:
    """Write compose/services.yaml; with a name, also the environment file of that stack.

    Parameters
    ----------
    name: the stack whose ports and secrets to write
    """
    console.print(f"wrote {compose_file.write()}")
    if name:
        of = _named(name)
        console.print(f"wrote {Containers(of.rows, of.folder, of.base).write_environment()}")


@app.command(name="during")
def run_during(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    name: str = "test",
    base: int = 18080,
    only: Literal["stores", "all"] = "stores",
    extra: Annotated[list[str] | None, Parameter(name="--with")] = None,
    wants: list[str] | None = None,
) -> int:
    """Run a program while a stack is up; its exit code is ours.

    Parameters
    ----------
    command: the program and its arguments, after --
    name: the stack's name
    base: its first port
    only: just the stores, or all
    extra: further groups of processes
    wants: programs that some of the command's work needs; a missing one is told before anything starts
    """
    for line in tools.missing(wants or ()):
        console.print(f"warning: {line}; what needs it will fail", style="yellow", markup=False)
    return _undoing(during(_named(name), base, _groups(only, extra), command))


def _undoing(work: Coroutine[Any, Any, T]) -> T:
    """For commands that undo what they began when they are interrupted: the message says so."""
    try:
        return signals.run(work)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("everything this command had started is stopped") from None


def _named(name: str) -> stack.Stack:
    return stack.Stack.named(name, console.print)


def _groups(only: str, extra: list[str] | None) -> tuple[str, ...]:
    return (*(stack.STORES if only == "stores" else stack.ALL), *(extra or ()))


def _show_urls(base: int) -> None:
    where = endpoints(base)
    pages = {
        "gateway": "/",
        "preview": "/preview",
        "api": "/docs",
        "sandbox codes": "/v1/sandbox/messages?phoneNumber=%2B201000000102",
    }
    stores = {
        "postgres": where.postgres_dsn("postgres"),
        "valkey": where.redis_url,
        "kafka": where.kafka_bootstrap,
        "cassandra": f"{where.cql_hosts}:{where.cql_port}",
        "s3": where.s3_endpoint,
    }
    for label, url in {**{label: where.gateway_url + path for label, path in pages.items()}, **stores}.items():
        console.print(f"{label:<14} {url}")  # no table: on a narrow terminal it would cut addresses


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 with one clear message for what a person can mend, 130 after an interruption."""
    try:
        place.mode()
        return app(arguments) or 0
    except StackError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt as interruption:
        console.print(": ".join(["interrupted", *map(str, interruption.args)]))
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
