"""`daira replay dump` beside `kcat -e` on one topic: both write every record with its headers as a line of JSON."""

import asyncio
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from daira_bus import topics as broker
from daira_bus.producer import open_producer
from daira_contracts.user import FollowState, RelationChangedV1
from daira_devtools.bench import compare, in_turn, tell
from daira_devtools.stack import endpoints
from daira_kit.ids import new_id
from daira_kit.settings import environment

RECORDS = 600_000
"""So many that a process's start is not what is measured."""
BATCH = 2_000
ROUNDS = 5
TOPIC = RelationChangedV1.topic
BAR = 0.5


async def fill(bootstrap: str, prefix: str) -> None:
    async with open_producer(bootstrap, "bench", prefix) as producer:
        for _ in range(RECORDS // BATCH):
            events = [
                RelationChangedV1(actor_id=new_id(), target_id=new_id(), follow=FollowState.FOLLOWING)
                for _ in range(BATCH)
            ]
            await producer.publish(*events, timeout=60)


def timed(words: list[str], out: Path, *, into: Path | None = None) -> float:
    """Records a second of a whole process, start included."""
    started = time.perf_counter()
    with (into or Path("/dev/null")).open("wb") as sink:
        subprocess.run(words, check=True, stdout=sink, stderr=subprocess.DEVNULL)
    took = time.perf_counter() - started
    with out.open("rb") as file:
        lines = sum(1 for _ in file)
    assert lines == RECORDS, (words[0], lines)
    return RECORDS / took


async def measure(bootstrap: str, prefix: str, folder: Path) -> None:
    mine, theirs = folder / "ours.jsonl", folder / "kcat.jsonl"
    reach = ["--bootstrap", bootstrap, "--prefix", prefix]
    daira = [sys.executable, "-m", "daira_cli", "replay", "dump", TOPIC, "-o", str(mine), "--restart", *reach]
    kcat = ["kcat", "-b", bootstrap, "-C", "-e", "-q", "-J", "-o", "beginning", "-t", prefix + TOPIC]

    def peer() -> float:
        return timed(kcat, theirs, into=theirs)

    for metric, words in (
        ("dump as it is against kcat -J, records/s", [*daira, "--unredacted", "--reason", "bench"]),
        ("dump without people against kcat -J, records/s", daira),
    ):
        ours, others = await in_turn(lambda words=words: timed(words, mine), peer, rounds=ROUNDS)  # type: ignore[misc]
        tell(compare("cli", metric, ours, others, bar=BAR, higher_is_better=True))


async def main() -> None:
    if shutil.which("kcat") is None:
        sys.stderr.write("kcat is missing (Debian package kcat): replay dump is not measured\n")
        return
    bootstrap = endpoints(int(environment("DAIRA_STACK_BASE", "8080"))).kafka_bootstrap
    prefix = f"bench{secrets.token_hex(4)}."
    await broker.apply(bootstrap, prefix)
    try:
        await fill(bootstrap, prefix)
        with tempfile.TemporaryDirectory() as folder:
            await measure(bootstrap, prefix, Path(folder))
    finally:
        await broker.remove_all(bootstrap, prefix)


if __name__ == "__main__":
    asyncio.run(main())
