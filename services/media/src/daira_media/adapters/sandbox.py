"""Starts the decoder process, waits for it, and kills it when it takes too long."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import msgspec

from daira_media.adapters.decoder.protocol import Order, Outcome

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
"""Nothing of the service's own environment: no secrets in the decoder."""
MODULE = ("-m", "daira_media.adapters.decoder")
ANSWER_BYTES = 64 * 1024


def interpreter() -> tuple[str, ...]:
    """Python, without anything the environment or the working folder could add."""
    return sys.executable, "-I"


class Decoder:
    """`wall_seconds` and `cpu_seconds` bound one run; at most `parallel` runs at once."""

    def __init__(self, *, wall_seconds: float = 30.0, cpu_seconds: int = 20, parallel: int = 1) -> None:
        self._wall_seconds = wall_seconds
        self._cpu_seconds = cpu_seconds
        self._free = asyncio.Semaphore(parallel)

    async def layers(self, folder: Path) -> tuple[str, ...]:
        """Which layers of confinement hold on this machine."""
        outcome = await self._run(Order(work="probe", source="", folder=str(folder)))
        return outcome.layers

    async def images(self, source: Path, folder: Path, content_type: str, *, is_square: bool) -> Outcome:
        """Make the WebP renditions of a still image in `folder`."""
        return await self._run(
            Order(
                work="image",
                source=str(source),
                folder=str(folder),
                content_type=content_type,
                is_square=is_square,
                cpu_seconds=self._cpu_seconds,
            )
        )

    async def voice(self, source: Path, folder: Path, content_type: str) -> Outcome:
        """Make the playable forms of a voice note in `folder`."""
        return await self._run(
            Order(
                work="voice",
                source=str(source),
                folder=str(folder),
                content_type=content_type,
                cpu_seconds=self._cpu_seconds,
            )
        )

    async def _run(self, order: Order) -> Outcome:
        async with self._free:
            child = await asyncio.create_subprocess_exec(
                *interpreter(),
                *MODULE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd=order.folder,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(self._wall_seconds):
                    answer, _ = await child.communicate(msgspec.json.encode(order))
            except TimeoutError:
                return Outcome(failure="decoding_took_too_long")
            finally:
                await _reap(child)
        return _outcome(child.returncode, answer)


def _outcome(status: int | None, answer: bytes) -> Outcome:
    """A decoder that died says nothing useful: the bytes killed it."""
    if status != 0 or len(answer) > ANSWER_BYTES:
        return Outcome(failure="decoding_took_too_long" if status == -signal.SIGXCPU else "decoder_died")
    try:
        return msgspec.json.decode(answer, type=Outcome)
    except msgspec.DecodeError:
        return Outcome(failure="decoder_died")


async def _reap(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
