"""Each step with its time: a progress line on a terminal, a plain line when piped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Say = Callable[[str], None]


class Report:
    """Prints to standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """One step; call what it yields with a short text to show progress inside it."""
        self._number += 1
        started = time.perf_counter()
        label = f"{self._number:2}. {title}"
        last = ""

        def say(text: str) -> None:
            nonlocal last
            last = text
            if status is not None:
                status.update(f"{label} [dim]{escape(text)}[/dim]")

        status = self.console.status(label) if self.console.is_terminal else None
        try:
            if status is not None:
                status.start()
            yield say
        except Exception:
            self._line("failed", label, last, started)
            raise
        finally:
            if status is not None:
                with suppress(OSError):  # an interruption may have come from the terminal being closed
                    status.stop()
        self._line("ok", label, last, started)

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        """Two columns: a name and where it is."""
        if not self.console.is_terminal:
            self.console.print(title)
            for name, value in rows:
                self.console.print(f"  {name:<22}{value}")
            return
        table = Table(title=title, show_header=False)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def _line(self, word: str, label: str, last: str, started: float) -> None:
        colour = {"ok": "green", "failed": "red"}[word]
        seconds = time.perf_counter() - started
        told = escape(f"{label}: {last}" if last else label)
        self.console.print(f"[{colour}]{word:>6}[/{colour}] {seconds:6.1f} s  {told}")
