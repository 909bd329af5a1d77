"""Short-lived helper programs (Maven, Go, initdb, migrations): run, wait, and never left behind."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from daira_devtools.stack import place
from daira_devtools.stack.errors import StackError

LAST_LINES = 12


async def finish(command: Sequence[str], env: Mapping[str, str] | None = None, log: Path | None = None) -> None:
    """Runs a program to its end. Raises `StackError` with its last lines when it fails; cancelled, it is killed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**place.surroundings(), **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        _kill_group(process.pid)
        await process.wait()
        raise
    if log is not None:
        with log.open("ab") as file:
            file.write(output)
    if process.returncode != 0:
        tail = "\n".join(output.decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        raise StackError(f"`{' '.join(command[:4])} …` ended with {process.returncode}:\n{tail}")


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
