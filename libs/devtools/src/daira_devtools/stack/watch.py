"""Waits until a process is ready, and says why when it will not be."""

import asyncio
from pathlib import Path

from daira_devtools.stack import probes, processes
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.table import Process

POLL_SECONDS = 0.1
LAST_LINES = 15


async def until_ready(name: str, row: Process, base: int, started: processes.Started | None, log: Path) -> None:
    """Returns once the probe answers. Raises `StackError` with the end of the log when it dies or takes too long."""
    try:
        async with asyncio.timeout(row.ready_seconds):
            while not await is_ready(row, base):
                if started is not None and (code := started.exit_code()) is not None:
                    raise StackError(f"{name} ended with {code} before it was ready; {last_words(log)}")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise StackError(f"{name} was not ready after {row.ready_seconds:.0f} s; {last_words(log)}") from None


async def is_ready(row: Process, base: int) -> bool:
    """One attempt of the probe that the table names."""
    kind, port_name, *arguments = row.ready.split()
    return await probes.is_ready(kind, base + row.ports[port_name], *arguments)


def last_words(log: Path) -> str:
    """The end of a log, for an error message."""
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log.exists() else []
    return "\n".join([f"the end of {log}:", *lines])
