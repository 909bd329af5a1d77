"""One bench script as a process of its own: its figures, or why there are none."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from daira_devtools.bench.figures import Figure

REPEATS = 3
TIMEOUT_SECONDS = 900
_END_SECONDS = 10


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of .bench/results.jsonl for a script that gave no figures."""

    path: str
    error: str


def run(script: Path, root: Path, *, timeout: float = TIMEOUT_SECONDS) -> list[Figure] | Failed:
    """The figures of one script; a run with a noisy figure is repeated, up to REPEATS times.

    `timeout` is in seconds and for each run. Whatever goes wrong is the answer, not an exception.
    """
    name = str(script.relative_to(root))
    figures: list[Figure] = []
    for attempt in range(REPEATS):
        sys.stderr.write(f"bench {name}{' again: the last run was noisy' if attempt else ''}\n")
        try:
            figures = _figures(_output(script, root, timeout))
        except (subprocess.SubprocessError, msgspec.DecodeError) as error:
            return Failed(path=name, error=str(error))
        if not figures:
            return Failed(path=name, error="it told no figure")
        if all(figure.holds or not figure.noisy for figure in figures):
            break
    return figures


def _output(script: Path, root: Path, timeout: float) -> bytes:
    """Standard output. Raises SubprocessError; the script and all it started are gone then."""
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, cwd=root, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:
        _end(process)
    if process.returncode != 0:
        raise subprocess.SubprocessError(f"exit code {process.returncode}")
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask first, so that the script removes what it made in the stores."""
    if process.returncode is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.send_signal(signal.SIGINT)
            process.wait(_END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _figures(output: bytes) -> list[Figure]:
    return [msgspec.json.decode(line, type=Figure) for line in output.splitlines() if line.startswith(b"{")]
