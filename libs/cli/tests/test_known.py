"""Where a command cannot go on: a misspelt name gets the closest one and no empty list, an error is one JSON line."""

from pathlib import Path

import pytest

from daira_cli.errors import Partial
from daira_cli.exits import Exit
from daira_cli.rebuild.report import Report
from daira_testing.command import say
from daira_testing.topics import TopicProbe


@pytest.mark.parametrize(
    ("words", "hint"),
    [(("--service", "fed"), "feed"), (("--topic", "video.video-chnged.v1"), "video.video-changed.v1")],
)
@pytest.mark.parametrize("command", [("ls",), ("redrive",), ("discard", "--reason", "INC-7")], ids=" ".join)
async def test_dead_letters_of_nobody_are_not_none(
    probe: TopicProbe, command: tuple[str, ...], words: tuple[str, str], hint: str
) -> None:
    where = ("--bootstrap", probe.bootstrap, "--prefix", probe.prefix)

    said = await say("dlq", *command, *words, *where)

    assert (said.code, said.out) == (Exit.USAGE, "")
    assert f"→ did you mean {hint}?" in said.err


async def test_a_service_without_letters_has_none(probe: TopicProbe) -> None:
    said = await say("dlq", "ls", "--service", "admin", "--bootstrap", probe.bootstrap, "--prefix", probe.prefix)

    assert (said.code, said.out.strip()) == (Exit.OK, "no open dead letters")


@pytest.mark.parametrize("command", [("discard", "--all"), ("show", "x@1", "--unredacted")], ids=" ".join)
async def test_a_blank_is_no_reason(command: tuple[str, ...]) -> None:
    said = await say("dlq", *command, "--reason", " ", "--bootstrap", "127.0.0.1:1")

    assert said.code in (Exit.USAGE, Exit.REFUSED)
    assert "reason" in said.err


async def test_an_error_of_a_command_that_streams_is_a_line_of_json_too(tmp_path: Path) -> None:
    said = await say("replay", "run", tmp_path / "nothing.jsonl", "--service", "feed", "--stack", "8080", "--json")

    assert said.out.count("\n") == 1
    assert said.json["error"]["code"] == "usage"


async def test_a_rebuild_that_stops_after_some_is_one_document_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = iter([Report(projection="feed.profile")])

    async def rebuild(*_: object, **__: object) -> Report:
        try:
            return next(outcomes)
        except StopIteration:
            raise Partial("stopped", then="the same command goes on") from None

    monkeypatch.setattr("daira_cli.commands.rebuild.rebuild", rebuild)

    said = await say("rebuild", "feed.profile", "feed.relation", "--stack", "8080", "--json")

    assert (said.code, said.json["error"]["code"]) == (Exit.PARTIAL, "partial")
