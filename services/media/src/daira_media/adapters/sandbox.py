"""Starts the decoder process, waits for it, and kills it when it takes too long."""

import asyncio
import contextlib
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

import msgspec

from daira_confinement import Level
from daira_confinement.children import child
from daira_confinement.measurement import Measurement, NotMeasured, demand
from daira_media.adapters.decoder.protocol import Order, Outcome

ANSWER_BYTES = 64 * 1024
_DECODER = "daira_media.adapters.decoder"
_TOO_LONG = Outcome(failure="decoding_took_too_long")
_DIED = Outcome(failure="decoder_died")
"""A decoder that died says nothing useful: the bytes killed it."""


class Decoder:
    """`wall_seconds` and `cpu_seconds` bound one run; at most `parallel` runs at once.

    `minimum` is the weakest confinement under which a stranger's file is opened.
    """

    def __init__(
        self,
        *,
        minimum: Level = Level.CONFINED,
        wall_seconds: float = 30.0,
        cpu_seconds: int = 20,
        parallel: int = 1,
    ) -> None:
        self._minimum = minimum
        self._wall_seconds = wall_seconds
        self._cpu_seconds = cpu_seconds
        self._free = asyncio.Semaphore(parallel)

    async def measure(self) -> Measurement:
        """What locks hold here, proven by attempts to break out. Raises SandboxTooWeak or NotMeasured."""
        with tempfile.NamedTemporaryFile("w", prefix="daira-canary-") as canary:
            order = Order(work="measure", canary=canary.name, parent=os.getpid(), minimum=self._minimum)
            outcome = await self._run(order)
        if outcome.failure:
            raise NotMeasured(outcome.failure)
        return Measurement(level=outcome.level, leaks=frozenset(outcome.leaks))

    async def images(self, source: Path, folder: Path, content_type: str, *, is_square: bool) -> Outcome:
        """Make the WebP renditions of a still image in `folder`. Raises SandboxTooWeak or NoDecoder."""
        return await self._run(
            Order(
                work="image",
                source=str(source),
                folder=str(folder),
                content_type=content_type,
                is_square=is_square,
                cpu_seconds=self._cpu_seconds,
                parent=os.getpid(),
                minimum=self._minimum,
            )
        )

    async def voice(self, source: Path, folder: Path, content_type: str) -> Outcome:
        """Make the playable forms of a voice note in `folder`. Raises SandboxTooWeak or NoDecoder."""
        return await self._run(
            Order(
                work="voice",
                source=str(source),
                folder=str(folder),
                content_type=content_type,
                cpu_seconds=self._cpu_seconds,
                parent=os.getpid(),
                minimum=self._minimum,
            )
        )

    async def _run(self, order: Order) -> Outcome:
        try:
            async with self._free, child(_DECODER, stderr=DEVNULL) as process, asyncio.timeout(self._wall_seconds):
                answer = await _ask(process, order)
        except TimeoutError:
            return _TOO_LONG
        if process.returncode == -signal.SIGXCPU:
            return _TOO_LONG
        outcome = _read(answer) if process.returncode == 0 else None
        if outcome is None:
            return _DIED
        demand(outcome.level, outcome.reasons, self._minimum)
        return outcome


async def _ask(process: Process, order: Order) -> bytes:
    """Everything the child says until it ends, or the beginning of too much: then it is still alive."""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(order))
        await process.stdin.drain()
    process.stdin.close()
    answer = b""
    while chunk := await process.stdout.read(ANSWER_BYTES):
        answer += chunk
        if len(answer) > ANSWER_BYTES:
            return answer
    await process.wait()
    return answer


def _read(answer: bytes) -> Outcome | None:
    """None for anything outside the protocol."""
    try:
        return msgspec.json.decode(answer, type=Outcome)
    except msgspec.DecodeError:
        return None
