"""`python -m daira_devtools.stack up|down|status`."""

import asyncio
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table as Grid

from daira_devtools.stack import commands
from daira_devtools.stack.errors import StackError

INTERRUPTED = 130
app = App(name="python -m daira_devtools.stack", help=__doc__)
console = Console(highlight=False)


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
    asyncio.run(commands.up(name, base, (*commands.GROUPS[only], *(extra or ())), console.print))
    status(name=name)


@app.command
def down(*, name: str = "main", kill: bool = False) -> None:
    """Stop exactly what was started; data stay for a warm start.

    Parameters
    ----------
    name: the stack's name
    kill: SIGKILL at once
    """
    count = asyncio.run(commands.down(name, kill=kill, tell=console.print))
    console.print(f"stack {name}: {count} stopped" if count else f"stack {name}: nothing was running")


@app.command
def status(*, name: str = "main") -> None:
    """Say what runs, where, and whether it is ready.

    Parameters
    ----------
    name: the stack's name
    """
    grid = Grid("process", "state", "pid", "ports", box=None, pad_edge=False)
    for line in asyncio.run(commands.status(name)):
        if line.state != "absent":
            grid.add_row(line.name, line.state, str(line.pid or ""), line.ports)
    console.print(grid)


def main() -> int:
    try:
        app()
    except StackError as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted: everything this command had started is stopped")
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
