"""`tests/replays/<what>.<service>.jsonl`: what once happened must come to the same end (`.expected`) with today's code.

A new one: `daira replay dump … -o tests/replays/what.service.jsonl`, then
`daira replay run that --service service --result tests/replays/what.service.expected`. A change that is meant: the
second again.
"""

import shutil
from pathlib import Path

import pytest

from daira_cli.exits import Exit
from daira_devtools.root import checkout_root
from daira_devtools.stack import Endpoints
from daira_testing.command import say
from daira_testing.dumps import service_environment
from daira_testing.tokens import TokenMint

FOLDER = checkout_root() / "tests" / "replays"
DUMPS = sorted(FOLDER.glob("*.jsonl"))


@pytest.fixture
def at(stack: Endpoints, redis_url: str, mint: TokenMint, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    return ["--scratch-redis", redis_url]


def service_of(dump: Path) -> str:
    return dump.name.split(".")[-2]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
async def test_what_once_happened_comes_to_the_same_end(dump: Path, at: list[str], tmp_path: Path) -> None:
    copy = shutil.copy(dump, tmp_path)  # a run leaves its checkpoint beside the dump

    said = await say("replay", "diff", dump.with_suffix(".expected"), copy, "--service", service_of(dump), *at)

    assert said.code == Exit.OK, said.out


async def test_another_end_is_shown_and_fails(at: list[str], tmp_path: Path) -> None:
    dump = DUMPS[0]
    copy, other = tmp_path / dump.name, tmp_path / "other"
    lines = dump.read_bytes().splitlines(keepends=True)
    copy.write_bytes(b"".join(lines[:-1]))
    expected = dump.with_suffix(".expected").read_bytes()
    other.write_bytes(expected.replace(b'"verdict":"accepted"', b'"verdict":"retried"', 1))

    missing = await say("replay", "diff", dump.with_suffix(".expected"), copy, "--service", service_of(dump), *at)
    changed = await say("replay", "diff", dump.with_suffix(".expected"), other, "--json")

    assert (missing.code, changed.code) == (Exit.FOUND, Exit.FOUND)
    assert "record" in missing.out
    (difference,) = changed.json["differences"]
    assert (difference["what"], difference["a"], difference["b"]) == ("verdict", "accepted", "retried")


def test_each_replay_is_small_and_says_what_it_expects() -> None:
    assert DUMPS
    for dump in DUMPS:
        assert dump.stat().st_size < 100_000
        assert dump.with_suffix(".expected").exists()
