"""What a command prints: tables and lines for people, one JSON document or JSON Lines for programs.

Answers go to standard output; progress, notes and errors to standard error. A pipe gets no colour and no escape codes.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from daira_cli.errors import CommandError, Refused

Json = Annotated[bool, Parameter(name="--json", negative="", help="For programs: JSON in place of tables.")]
"""The flag of every command: one JSON document (or JSON Lines, where a command streams) in place of tables."""
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative="", help="Do not ask before writing.")]
"""Answers the question that a command asks before it writes."""
DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would be written; write nothing.")]
"""Says what would be written and writes nothing."""


class Ticker:
    """Counts for a progress bar; does nothing where there is no terminal."""

    def __init__(self, progress: Progress | None, task: Any) -> None:
        self._progress, self._task = progress, task

    def advance(self, count: float = 1) -> None:
        """`count` more are done."""
        if self._progress is not None:
            self._progress.advance(self._task, count)

    def total(self, total: float) -> None:
        """How many there are, once known."""
        if self._progress is not None:
            self._progress.update(self._task, total=total)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class Output:
    """One command's output. With `json`, tables and lines are silent and `document` and `record` speak."""

    def __init__(self, json: bool = False) -> None:
        self.json = json
        self._out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def line(self, text: str = "", style: str | None = None) -> None:
        """A line for people; no markup."""
        if not self.json:
            self._out.print(Text(text), style=style)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows for people: columns as wide as needed, never cut in a pipe. No header line when all are empty."""
        if self.json:
            return
        named = any(headers)
        cells = [[_text(cell) for cell in row] for row in rows]
        if not self._out.is_terminal:
            self._plain([list(headers), *cells] if named else cells)
            return
        grid = Table(box=None, pad_edge=False, header_style="bold", show_header=named)
        for header in headers:
            grid.add_column(header, overflow="fold")
        for row in cells:
            grid.add_row(*map(escape, row))
        self._out.print(grid)

    def document(self, value: object) -> None:
        """The whole answer for programs, as one JSON document; structs and dates are encoded."""
        if self.json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode() + "\n")

    def record(self, value: object) -> None:
        """One line of JSON Lines for programs, for commands that stream."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """A remark beside the answer, for people and for the log of a script: standard error."""
        self._err.print(Text(text), style="dim")

    def error(self, error: CommandError) -> None:
        """`error: … [code]` and what to do next."""
        self._err.print(Text.assemble(("error: ", "bold red"), f"{error.message} [{error.slug}]"))
        if error.then:
            self._err.print(Text(f"→ {error.then}"))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if a person agrees. Raises Refused for a no, and where nobody can be asked without `--yes`."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise Refused(f"{question} needs an answer and nobody is there", then="add --yes", code="not_confirmed")
        self._err.print(Text(f"{question} [y/N] "), end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("not confirmed; nothing was changed", then="answer y, or add --yes", code="not_confirmed")

    @contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Ticker]:
        """A bar with rate and time left on a terminal's standard error; nothing in a pipe."""
        if not self._err.is_terminal:
            yield Ticker(None, None)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True) as progress:
            yield Ticker(progress, progress.add_task(label, total=total))

    def _plain(self, rows: list[list[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)
