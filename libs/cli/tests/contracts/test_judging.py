"""The gate on a repository of its own: what it says about a topic, and to whom it says it."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daira_cli.contracts.judging import Verdict, judge
from daira_cli.contracts.reading import at_revision, in_folder
from daira_contracts.schema import all_schemas
from daira_contracts.topics import topics
from daira_devtools.contracts.generate import drift, write
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


def _since(root: Path, revision: str = "HEAD") -> list[Verdict]:
    """What the working tree changes."""
    return judge(at_revision(revision, root), in_folder(root / "contracts"))


def _without(root: Path, field: str) -> None:
    path = root / "contracts" / "schemas" / f"{TOPIC}.json"
    schema: dict[str, Any] = all_schemas()[TOPIC]
    del schema["properties"][field]
    schema["required"].remove(field)
    path.write_bytes(msgspec.json.encode(schema))


def test_contracts_that_did_not_change_pass(repository: Path) -> None:
    assert _since(repository) == []


def test_a_removed_field_names_rule_topic_field_consumers_and_fix(repository: Path) -> None:
    _without(repository, "state")

    (verdict,) = _since(repository)

    assert (verdict.topic, verdict.change.rule, verdict.change.field) == (TOPIC, "removed", "state")
    assert verdict.consumers == topics()[TOPIC].consumers
    assert "BREAKS removed" in str(verdict)
    assert "write both" in str(verdict)


def test_a_topic_may_go_only_after_its_sunset_was_announced(repository: Path) -> None:
    gone = "video.frame-counted.v1"
    file = repository / "contracts" / "topics" / f"{gone}.yaml"
    schema = repository / "contracts" / "schemas" / f"{gone}.json"
    text = (repository / "contracts" / "topics" / f"{TOPIC}.yaml").read_text().replace(TOPIC, gone)
    allowed = []
    for sunset in ("", "sunset: 2027-01-01\n"):
        file.write_text(text + sunset)
        schema.write_text('{"type": "object"}')
        _commit(repository)
        file.unlink()
        schema.unlink()
        allowed += [verdict.change.allowed for verdict in _since(repository)]

    assert allowed == [False, True]


def test_a_new_topic_is_told_and_breaks_nobody(repository: Path) -> None:
    new = "video.frame-counted.v1"
    text = (repository / "contracts" / "topics" / f"{TOPIC}.yaml").read_text().replace(TOPIC, new)
    (repository / "contracts" / "topics" / f"{new}.yaml").write_text(text)

    (verdict,) = _since(repository)

    assert (verdict.topic, verdict.change.rule, verdict.change.allowed) == (new, "topic-added", True)


@pytest.mark.parametrize("edit", ["change", "remove"])
def test_an_example_that_was_committed_is_never_touched(repository: Path, edit: str) -> None:
    example = repository / "contracts" / "examples" / TOPIC / "ready.json"
    if edit == "change":
        example.write_text('{"a": 1}\n')
    else:
        example.unlink()

    (verdict,) = _since(repository)

    assert (verdict.topic, verdict.change.rule, verdict.change.allowed) == (TOPIC, "example-changed", False)


def test_another_example_is_welcome(repository: Path) -> None:
    (repository / "contracts" / "examples" / TOPIC / "failed.json").write_text("{}\n")

    assert _since(repository) == []


def test_a_stale_or_orphaned_generated_file_is_named(repository: Path) -> None:
    (repository / "contracts" / "CATALOGUE.md").write_text("old\n")
    (repository / "contracts" / "schemas" / "video.gone.v1.json").write_text("{}")

    assert drift(repository) == ["contracts/CATALOGUE.md", "contracts/schemas/video.gone.v1.json"]
