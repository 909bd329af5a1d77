"""The gate on a repository of its own: what it says about a topic, and to whom it says it."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daira_contracts.topics import topics
from daira_devtools.contracts import __main__ as command
from daira_devtools.contracts.base import resolve
from daira_devtools.contracts.gate import judge
from daira_devtools.contracts.generate import drift, write
from daira_devtools.contracts.schema import all_schemas
from daira_devtools.root import checkout_root

TOPIC = "video.video-changed.v1"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose first commit holds today's contracts."""
    write(tmp_path)
    source = checkout_root() / "contracts"
    for name in topics():
        target = tmp_path / "contracts" / "topics" / f"{name}.yaml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((source / "topics" / f"{name}.yaml").read_bytes())
    example = tmp_path / "contracts" / "examples" / TOPIC / "ready.json"
    example.parent.mkdir(parents=True)
    example.write_text("{}\n")
    _git(tmp_path, "init", "-q", "-b", "main")
    _commit(tmp_path)
    return tmp_path


def _git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def _commit(root: Path) -> None:
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "contracts")


def _edit_schema(root: Path, edit: dict[str, Any]) -> None:
    path = root / "contracts" / "schemas" / f"{TOPIC}.json"
    schema = all_schemas()[TOPIC]
    schema["properties"] |= edit
    schema["required"] = [*schema["required"], *edit]
    path.write_bytes(msgspec.json.encode(schema))
    _commit(root)


def test_contracts_that_did_not_change_pass(repository: Path) -> None:
    assert judge(repository, "HEAD") == []


def test_a_removed_field_names_rule_topic_field_consumers_and_fix(repository: Path) -> None:
    _edit_schema(repository, {"mood": {"type": "string"}})

    (verdict,) = judge(repository, "HEAD")

    assert (verdict.topic, verdict.change.rule, verdict.change.field) == (TOPIC, "removed", "mood")
    assert verdict.consumers == topics()[TOPIC].consumers
    assert "BREAKS removed" in str(verdict)
    assert "write both" in str(verdict)


def test_a_topic_may_go_only_after_its_sunset_was_announced(repository: Path) -> None:
    gone = "video.frame-counted.v1"
    file = repository / "contracts" / "topics" / f"{gone}.yaml"
    text = (repository / "contracts" / "topics" / f"{TOPIC}.yaml").read_text().replace(TOPIC, gone)
    (repository / "contracts" / "schemas" / f"{gone}.json").write_text('{"type": "object"}')
    file.write_text(text)
    _commit(repository)
    file.write_text(f"{text}sunset: 2027-01-01\n")
    before = [verdict.change.allowed for verdict in judge(repository, "HEAD")]
    _commit(repository)

    after = [verdict.change.allowed for verdict in judge(repository, "HEAD")]

    assert (before, after) == ([False], [True])


@pytest.mark.parametrize("edit", ["change", "remove"])
def test_an_example_that_was_committed_is_never_touched(repository: Path, edit: str) -> None:
    example = repository / "contracts" / "examples" / TOPIC / "ready.json"
    if edit == "change":
        example.write_text('{"a": 1}\n')
    else:
        example.unlink()

    (verdict,) = judge(repository, "HEAD")

    assert verdict.change.rule == "example-changed"


def test_another_example_is_welcome(repository: Path) -> None:
    (repository / "contracts" / "examples" / TOPIC / "failed.json").write_text("{}\n")
    _commit(repository)

    assert judge(repository, "HEAD~1") == []


def test_without_a_commit_to_compare_with_the_gate_passes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _git(tmp_path, "init", "-q")
    monkeypatch.setattr(command, "checkout_root", lambda: tmp_path)

    code = command.main(["check"])

    assert code == 0
    assert "no commit to compare with" in capsys.readouterr().out


def test_the_base_is_where_the_branch_left_the_published_main(repository: Path) -> None:
    _git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    (repository / "note.md").write_text("later\n")
    _commit(repository)

    base = resolve(repository, None)

    published = subprocess.run(
        ["git", "rev-parse", "origin/main"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert base == published


def test_a_stale_or_orphaned_generated_file_is_named(repository: Path) -> None:
    (repository / "contracts" / "CATALOGUE.md").write_text("old\n")
    (repository / "contracts" / "schemas" / "video.gone.v1.json").write_text("{}")

    assert drift(repository) == ["contracts/CATALOGUE.md", "contracts/schemas/video.gone.v1.json"]
