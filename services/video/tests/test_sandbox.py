"""The locks around this decoder, measured by attempts to break out; daira-confinement tests the locks themselves."""

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from daira_confinement import Level
from daira_confinement.escapes import Attempt
from daira_testing.clips import Clip, make
from daira_video.adapters import protocol
from daira_video.adapters import sandbox as parent
from daira_video.adapters.sandbox import DecoderDied, Sandbox
from daira_video.domain.ladder import ladder
from daira_video.domain.limits import Limits


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Limits(), minimum=Level.FILTERED, threads=2)


@pytest.mark.parametrize("minimum", [Level.FILTERED, Level.CONFINED])
async def test_the_sandbox_is_measured_by_attempts_that_all_fail(minimum: Level) -> None:
    strict = Sandbox(Limits(), minimum=minimum, threads=1)

    measured = await strict.measure()

    assert measured.level >= Level.CONFINED
    assert measured.leaks == frozenset()
    measured.accept(minimum)


async def test_every_way_out_that_was_tried_is_told_to_the_monitoring(running: Any) -> None:
    told = {
        attempt: REGISTRY.get_sample_value("daira_video_sandbox_leak", {"attempt": attempt.value})
        for attempt in Attempt
    }

    assert set(told.values()) == {0.0}


async def test_a_ladder_needs_fewer_descriptors_and_threads_than_it_may_have(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(width=1920, height=1080, seconds=0.2))
    tight = Sandbox(Limits(open_files=24, threads=128), minimum=Level.FILTERED, threads=2)
    source = await tight.probe(path)

    encoded = await tight.encode(path, source, tmp_path, ladder(source), mp4="720p")

    assert [rung.name for rung in encoded.rungs] == ["240p", "360p", "480p", "720p", "1080p"]


async def test_the_limits_are_those_of_the_child_not_of_the_service(sandbox: Sandbox) -> None:
    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS)]

    await sandbox.measure()

    after = [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS)]
    assert before == after


WEAK_MACHINE = """
import platform, runpy
platform.machine = lambda: "riscv64"
runpy.run_module("daira_video.adapters.decoder", run_name="__main__")
"""
"""Nobody has written down its system calls: nothing filters them."""


async def test_nothing_is_opened_where_decoders_are_locked_in_too_little(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(seconds=0.2))
    said: list[list[type]] = []
    for minimum in (Level.LIMITED, Level.FILTERED):
        terms = protocol.Terms(
            parent=os.getpid(), minimum=minimum, input=str(path), output=None, limits=Limits(), cpu_seconds=30
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WEAK_MACHINE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate(protocol.dump(protocol.Probe(terms=terms)))
        said.append([type(protocol.read_reply(line)) for line in out.splitlines()])

    assert said == [[protocol.Confined, protocol.Probed], [protocol.Confined]]


async def test_nonsense_from_a_captured_child_is_a_death_not_a_result() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b'{"type":"probed","source":{"width":"; rm -rf"}}\n')
    stream.feed_eof()

    with pytest.raises(DecoderDied):
        async for _ in parent.replies(stream):
            pass
