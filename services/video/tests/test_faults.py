"""Processes that die, dependencies that vanish: the same result in the end, once."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_contracts.video import VideoChangedV1, VideoState
from daira_kit.settings import environment
from daira_stores.failures import DatabaseUnavailable
from daira_testing.clips import Clip, make, sample
from daira_testing.waiting import eventually
from daira_video.service.records import Records

KILLS = 20 if environment("SIZE") == "full" else 4


@asynccontextmanager
async def worker(settings: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A real process of all roles but without a listening port of its own choosing."""
    values = msgspec.structs.asdict(settings) | {"port": 0}
    env = {f"DAIRA_VIDEO_{name.upper()}": str(value) for name, value in values.items() if name != "env"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daira_video", "--role", "all",
        env={"PATH": os.defpath, "DAIRA_ENV": "dev", **env},
        stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def decoders(worker_pid: int) -> list[int]:
    """Process ids of the decoders of a worker; the tests' own process has servers of the stack among its children."""
    children = Path(f"/proc/{worker_pid}/task/{worker_pid}/children").read_text().split()
    return [int(pid) for pid in children if b"daira_video.adapters.decoder" in command_line(pid)]


def command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def undisturbed(start: Any) -> Any:
    """The files of the sample, made in peace by a worker that is gone before the others begin."""
    async with start() as running:
        video_id = await running.upload(sample())
        await running.told(video_id, VideoState.READY)
        return await running.stored(video_id)


async def events_of(running: Any, video_id: UUID) -> Any:
    events = [event for event in await running.probe.events(VideoChangedV1) if event.video_id == video_id]
    return sorted(events, key=lambda event: event.revision)


async def state_of(running: Any, video_id: UUID) -> str | None:
    async with running.database.read() as work:
        row = await work.one("SELECT state FROM video WHERE id = %s", (video_id,))
        return row["state"] if row else None


@pytest.mark.sized(KILLS)
async def test_a_worker_killed_at_any_moment_is_continued_to_the_same_bytes(
    undisturbed: Any, start: Any, make_settings: Any
) -> None:
    moments = random.Random(7)
    async with start(transcodes=0) as running:
        settings = make_settings(lease_seconds=1.5)
        video_id = await running.upload(sample())
        interrupted = 0
        for _ in range(KILLS):
            async with worker(settings) as process:

                async def claimed(pid: int = process.pid) -> Any:
                    return decoders(pid) or await state_of(running, video_id) == "READY"

                children = await eventually(claimed)
                if children is True:  # a fast machine was done before the last of the kills
                    break
                await asyncio.sleep(moments.uniform(0.2, 2))
                process.send_signal(signal.SIGKILL)
                await process.wait()
                interrupted += await state_of(running, video_id) != "READY"
                async with running.database.work() as work:  # how many deaths are too many is another test
                    await work.execute("UPDATE job SET deaths = 0")

                async def gone(children: Any = children) -> bool:
                    return not any(lives(pid) for pid in children)

                await eventually(gone, within=5)
        async with worker(settings):
            ready = await running.told(video_id, VideoState.READY, VideoState.FAILED, within=120)

        assert interrupted >= KILLS // 2
        assert ready.state is VideoState.READY
        assert await running.stored(video_id) == undisturbed
        told = [event.state.value for event in await events_of(running, video_id)]
        assert told == ["PROBING", "PROCESSING", "PLAYABLE", "READY"]
        await running.checked(ready.hls_url)


async def test_progress_that_cannot_be_told_costs_no_encoding(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    untold = []

    async def without_database(_records: Records, _video_id: UUID, percent: int, _stage: str) -> None:
        untold.append(percent)
        raise DatabaseUnavailable

    monkeypatch.setattr(Records, "report", without_database)
    video_id = await running.upload(sample())
    await running.told(video_id, VideoState.READY, within=120)

    assert untold
    assert len(await events_of(running, video_id)) == 4


async def test_folders_of_killed_workers_are_removed_by_the_next(start: Any, tmp_path: Path) -> None:
    left = tmp_path / "work" / "daira-video-999999999-x"
    left.mkdir(parents=True)
    (left / "original").write_bytes(b"private")

    async with start():
        pass

    assert not left.exists()


async def test_a_video_removed_while_it_is_made_leaves_no_bytes(running: Any, tmp_path: Path) -> None:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip(seconds=8, width=640, height=480, noise=True)))
    await running.told(video_id, VideoState.PROBING)

    async with running.database.work() as work:
        await running.video.videos.remove(video_id, work)

    async def forgotten() -> Any:
        async with running.database.read() as work:
            rows = await work.all("SELECT key FROM job WHERE key = %s", (str(video_id),))
            return not rows and not await running.stored(video_id)

    await eventually(forgotten)
    assert [event.state.value for event in await events_of(running, video_id)][-1] == "REMOVED"


async def test_a_file_that_takes_its_worker_along_is_given_up(start: Any, tmp_path: Path) -> None:
    async with start(transcodes=0) as running:
        video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))

        async def queued() -> Any:
            async with running.database.work() as work:  # as if nine workers had died of it without a word
                marked = await work.execute(
                    "UPDATE job SET attempts = 1, deaths = 8, leased_by = 'the ninth', leased_until = clock_timestamp()"
                )
            return marked.rowcount

        await eventually(queued)
    async with start() as running:
        failed = await running.told(video_id, VideoState.FAILED)
        assert failed.failure_code == "decoder_crashed"


async def test_a_decoder_that_always_dies_is_tried_a_few_times_and_then_reported(running: Any, tmp_path: Path) -> None:
    deaths = 0

    async def executioner() -> None:
        nonlocal deaths
        while True:
            for pid in decoders(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    deaths += 1
            await asyncio.sleep(0.02)

    killing = asyncio.create_task(executioner())
    try:
        video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
        failed = await running.told(video_id, VideoState.FAILED, VideoState.READY)
    finally:
        killing.cancel()

    assert failed.failure_code == "decoder_crashed"
    assert deaths >= 4
