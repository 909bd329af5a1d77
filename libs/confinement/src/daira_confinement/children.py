"""The parent's end: starts the process that will lock itself in, and leaves nothing of it behind."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daira_kit.errors import Unavailable

LINE_LIMIT = 4 * 1024 * 1024
"""Longest line a child may say, bytes."""
# The child gets nothing of the service's environment. One arena keeps the address space honest.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class NoDecoder(Unavailable):
    """This machine cannot start another process now."""

    code = "no_decoder"


@asynccontextmanager
async def child(module: str, *, stderr: int = PIPE) -> AsyncIterator[Process]:
    """`python -m module` in a session of its own; on the way out it and all it started are dead and reaped.

    Standard input and output are pipes. Raises NoDecoder.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            module,
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            limit=LINE_LIMIT,
        )
    except OSError as refused:
        raise NoDecoder from refused
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
