"""The broker dies in the middle of a dump, and PostgreSQL in the middle of a run: both end as if nothing had been."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from daira_cli.exits import Exit
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_contracts.video import ProgressReportedV1
from daira_devtools.stack import Endpoints, Stack
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.command import say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.projection import own_topics
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = ProgressReportedV1.topic


async def grown(file: Path) -> bool:
    return await asyncio.to_thread(lambda: file.exists() and file.stat().st_size > 0)


async def has_lines(file: Path, count: int) -> bool:
    return await asyncio.to_thread(lambda: file.exists() and file.read_bytes().count(b"\n") > count)


async def started(*words: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daira_cli", *map(str, words)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
async def test_a_broker_killed_in_the_middle_of_a_dump_leaves_no_gap_and_no_double(
    own_stack: Stack, probe: TopicProbe, tmp_path: Path
) -> None:
    events = [ProgressReportedV1(video_id=new_id(), owner_id=new_id(), stage="360p", percent=1) for _ in range(40_000)]
    # Topics of its own: the services of other tests read theirs from the beginning.
    async with own_topics(probe.bootstrap) as topics:
        await topics.publish(events)
        words = ["replay", "dump", TOPIC, "--salt", "s", "--bootstrap", probe.bootstrap, "--prefix", topics.prefix]
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        assert (await say(*words, "-o", whole)).code == Exit.OK

        child = await started(*words, "-o", broken)
        await eventually(lambda: grown(tmp_path / "broken.part"), every=0.005)
        child.send_signal(signal.SIGSTOP)  # however quick it is, the broker dies in the middle
        await own_stack.stop("kafka", kill=True)
        child.send_signal(signal.SIGCONT)
        assert child.stderr is not None
        await asyncio.wait_for(child.stderr.readuntil(b"the broker is away, waiting"), 120)
        await own_stack.start("kafka")

        await asyncio.wait_for(child.communicate(), 120)
        assert child.returncode == Exit.OK
        assert broken.read_bytes() == whole.read_bytes()


@pytest.mark.slow
async def test_a_database_killed_in_the_middle_of_a_run_is_continued_to_the_same_end(
    own_stack: Stack,
    stack: Endpoints,
    mint: TokenMint,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    people = [new_id() for _ in range(100)]
    events = [
        ProfileChangedV1(
            user_id=person, state=ProfileState.ACTIVE, handle=f"h{person.hex[-8:]}", display_name="x", created_at=now()
        )
        for person in people
    ]
    file = write_dump(tmp_path / "bug.jsonl", [dump_line(event, n) for n, event in enumerate(events)])
    words = ["replay", "run", file, "--service", "feed", "--scratch-redis", redis_url, "--quiet"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert (await say(*words, "--result", whole)).code == Exit.OK

    child = await started(*words, "--result", broken, "--rate", "50/s")
    await eventually(lambda: has_lines(broken, 30), every=0.02)
    await own_stack.stop("postgres", kill=True)
    await own_stack.start("postgres")

    await asyncio.wait_for(child.communicate(), 120)
    code = child.returncode
    if code != Exit.OK:
        assert code in (Exit.DOWN, Exit.PARTIAL)
        assert (await say(*words, "--result", broken, "--from-checkpoint")).code == Exit.OK
    assert (await say("replay", "diff", whole, broken)).code == Exit.OK
