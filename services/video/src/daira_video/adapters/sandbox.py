"""Runs one job of the decoder in a locked-in child process, with a deadline, and believes nothing it says blindly."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from daira_confinement import Level
from daira_confinement.children import child
from daira_confinement.measurement import Measurement, NotMeasured, demand
from daira_video.adapters import protocol
from daira_video.adapters.workspace import WorkspaceFull
from daira_video.domain.ladder import Rung
from daira_video.domain.limits import FailureCode, Limits, MediaRejected, Source

_LAST_WORDS = 4096
_WALL_GRACE = 60.0
_MEASURE_SECONDS = 30
_DECODER = "daira_video.adapters.decoder"

Report = Callable[[float], Awaitable[None]]
R = TypeVar("R", bound=protocol.Result)


class DecoderDied(Exception):
    """The child ended without an answer. It may be the file, or the machine: try again, but not for ever."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code.value}: {detail}")


async def _ignore(_: float) -> None:
    """Nobody wants to know the progress."""


class Sandbox:
    """Children of one worker. `minimum` is the weakest confinement under which a stranger's file is opened."""

    def __init__(self, limits: Limits, *, minimum: Level, threads: int) -> None:
        self._limits = limits
        self._minimum = minimum
        self._threads = threads

    async def measure(self) -> Measurement:
        """What locks hold here, proven by attempts to break out. Raises SandboxTooWeak or NotMeasured."""
        with tempfile.NamedTemporaryFile("w", prefix="daira-canary-") as canary:
            job = protocol.Measure(terms=self._terms(None, None, _MEASURE_SECONDS), canary=canary.name)
            try:
                level, answer = await self._run(job, _ignore)
            except (DecoderDied, MediaRejected) as died:
                raise NotMeasured(str(died)) from died
        if not isinstance(answer, protocol.Measured):
            raise NotMeasured(f"it answered {type(answer).__name__}")
        return Measurement(level=level, leaks=frozenset(answer.leaks))

    async def probe(self, path: Path) -> Source:
        """Raises MediaRejected or DecoderDied."""
        job = protocol.Probe(terms=self._terms(path, None, self._limits.cpu_base))
        return (await self._answer(job, protocol.Probed)).source

    async def poster(self, path: Path, source: Source, output: Path) -> protocol.Posted:
        """Writes poster.jpg and poster.webp into `output`. Raises MediaRejected or DecoderDied."""
        job = protocol.Poster(terms=self._terms(path, output, self._limits.cpu_base), source=source)
        return await self._answer(job, protocol.Posted)

    async def encode(
        self,
        path: Path,
        source: Source,
        output: Path,
        rungs: tuple[Rung, ...],
        *,
        mp4: str | None = None,
        patient: bool = False,
        report: Report = _ignore,
    ) -> protocol.Encoded:
        """Makes rungs below `output`, which must not hold them yet; `patient`: with what time others leave.

        Raises MediaRejected or DecoderDied.
        """
        cpu = self._limits.cpu_base + int(self._limits.cpu_per_second * source.seconds)
        job = protocol.Encode(
            terms=self._terms(path, output, cpu),
            source=source,
            rungs=rungs,
            mp4=mp4,
            threads=self._threads,
            patient=patient,
        )
        return await self._answer(job, protocol.Encoded, report)

    def _terms(self, source: Path | None, output: Path | None, cpu: int) -> protocol.Terms:
        return protocol.Terms(
            parent=os.getpid(),
            minimum=self._minimum,
            input=str(source) if source else None,
            output=str(output) if output else None,
            limits=self._limits,
            cpu_seconds=cpu,
        )

    async def _answer(self, job: protocol.Request, wanted: type[R], report: Report = _ignore) -> R:
        _, answer = await self._run(job, report)
        if not isinstance(answer, wanted):
            raise DecoderDied(FailureCode.CRASHED, f"it answered {type(answer).__name__}")
        return answer

    async def _run(self, job: protocol.Request, report: Report) -> tuple[Level, protocol.Result]:
        async with child(_DECODER) as process:
            try:
                async with asyncio.timeout(job.terms.cpu_seconds + _WALL_GRACE):
                    return await self._talk(process, job, report)
            except TimeoutError as late:
                raise DecoderDied(FailureCode.TIMED_OUT, "the deadline passed") from late

    async def _talk(
        self, process: asyncio.subprocess.Process, job: protocol.Request, report: Report
    ) -> tuple[Level, protocol.Result]:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        last_words = asyncio.create_task(_tail(process.stderr))
        with contextlib.suppress(ConnectionError):
            process.stdin.write(protocol.dump(job))
            await process.stdin.drain()
        process.stdin.close()
        level, answer = Level.NONE, None
        async for reply in replies(process.stdout):
            match reply:
                case protocol.Confined():
                    level = reply.level
                    demand(level, reply.reasons, self._minimum)
                case protocol.Progress():
                    await report(reply.done)
                case protocol.DiskFull():
                    raise WorkspaceFull
                case protocol.Rejected():
                    raise MediaRejected(reply.code, reply.detail)
                case _:
                    answer = reply
        status = await process.wait()
        if answer is None or status != 0:
            raise _death(status, await last_words)
        demand(level, ("it did not say how far it is locked in",), self._minimum)
        return level, answer


async def replies(stream: asyncio.StreamReader) -> AsyncIterator[protocol.Reply]:
    """What the child says, line by line. Raises DecoderDied for anything outside the protocol."""
    try:
        while line := await stream.readline():
            yield protocol.read_reply(line)
    except (ValueError, msgspec.DecodeError) as nonsense:
        raise DecoderDied(FailureCode.CRASHED, "it answered nonsense") from nonsense


async def _tail(stream: asyncio.StreamReader) -> str:
    """The end of what the child complained about; read all along, so that it never blocks on a full pipe."""
    kept = b""
    while chunk := await stream.read(_LAST_WORDS):
        kept = (kept + chunk)[-_LAST_WORDS:]
    return kept.decode(errors="replace")


def _death(status: int, last_words: str) -> Exception:
    """A job beyond its CPU limit is the file's fault; any other end may be the machine's."""
    if status == -signal.SIGXCPU:
        return MediaRejected(FailureCode.TOO_DEMANDING, "it needs more computing time than a video may")
    return DecoderDied(FailureCode.CRASHED, f"exit status {status}: {last_words[-500:]}")
