"""The operator's command as a person types it."""

import asyncio
import io
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import msgspec

from daira_cli.app import main


class Said(msgspec.Struct, frozen=True):
    """What one run of the command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return msgspec.json.decode(self.out)


async def say(*words: object) -> Said:
    """`await say("topics", "plan", "--json")`: in a thread, since the command brings a loop of its own.

    No terminal, nobody to answer questions; one at a time, because standard output is the process's.
    """

    def run() -> Said:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(word) for word in words])
        return Said(code, out.getvalue(), err.getvalue())

    return await asyncio.to_thread(run)


def surroundings_of(service: str, settings: Mapping[str, object]) -> dict[str, str]:
    """The environment that a process with these settings has."""
    start = f"DAIRA_{service.upper()}_"
    return {"DAIRA_ENV" if name == "env" else start + name.upper(): str(value) for name, value in settings.items()}
