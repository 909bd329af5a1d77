"""With what `daira contracts check` compares when nobody says: in the repositories that people and CI have."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daira_cli.contracts.base import base_of
from daira_cli.contracts.judging import judge
from daira_cli.contracts.reading import in_folder
from daira_cli.errors import Usage
from daira_cli.exits import Exit
from daira_devtools.root import checkout_root
from daira_testing.command import Said

TOPIC = "feed.post-changed.v1"
FIELD = "text"
WRITE = "from pathlib import Path; from daira_devtools.contracts.generate import write; write(Path.cwd())"


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A repository without a remote whose only commit on main holds today's contracts."""
    root = tmp_path / "main"
    for folder in ("schemas", "topics", "examples", "src"):
        shutil.copytree(checkout_root() / "contracts" / folder, root / "contracts" / folder, symlinks=True)
    git(root, "init", "-q", "-b", "main")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "a change")


def remove_a_field(root: Path) -> None:
    path = root / "contracts" / "schemas" / f"{TOPIC}.json"
    schema = msgspec.json.decode(path.read_bytes())
    del schema["properties"][FIELD]
    schema["required"].remove(FIELD)
    path.write_bytes(msgspec.json.encode(schema))


def add_an_example(root: Path) -> None:
    (root / "contracts" / "examples" / TOPIC / "another.json").write_text("{}\n")


def touch_something_else(root: Path) -> None:
    (root / "contracts" / "README.md").write_text("words\n")


def broken(root: Path) -> list[str]:
    """The fields that the gate finds missing in this tree."""
    now = in_folder(root / "contracts")
    before = base_of(now, root)
    assert before is not None
    return [verdict.change.field for verdict in judge(before, now) if not verdict.change.allowed]


def test_a_removed_field_is_refused_before_and_after_it_is_committed_on_main(main: Path) -> None:
    remove_a_field(main)
    assert broken(main) == [FIELD]

    commit(main)

    assert broken(main) == [FIELD]


def test_a_removed_field_stays_refused_when_later_commits_change_no_contract(main: Path) -> None:
    remove_a_field(main)
    commit(main)

    touch_something_else(main)
    commit(main)

    assert broken(main) == [FIELD]


def test_a_removed_field_is_refused_in_a_fresh_clone_of_main(main: Path, tmp_path: Path) -> None:
    remove_a_field(main)
    commit(main)
    git(tmp_path, "clone", "-q", "main", "fresh")

    assert broken(tmp_path / "fresh") == [FIELD]


def test_a_removed_field_is_refused_after_its_branch_was_merged(main: Path) -> None:
    git(main, "checkout", "-q", "-b", "branch")
    remove_a_field(main)
    commit(main)
    add_an_example(main)
    commit(main)
    git(main, "checkout", "-q", "main")
    git(main, "merge", "-q", "--no-ff", "-m", "merged", "branch")

    assert broken(main) == [FIELD]


def test_main_is_compared_with_the_last_release_if_there_is_one(main: Path) -> None:
    git(main, "tag", "v1.0.0")
    remove_a_field(main)
    commit(main)
    add_an_example(main)
    commit(main)
    assert broken(main) == [FIELD]

    git(main, "tag", "v1.1.0")

    assert broken(main) == [FIELD]


def test_a_branch_answers_for_its_own_changes_only(main: Path) -> None:
    remove_a_field(main)
    commit(main)
    git(main, "update-ref", "refs/remotes/origin/main", "HEAD")

    add_an_example(main)
    commit(main)

    assert broken(main) == []


def test_before_the_first_contracts_there_are_none(main: Path) -> None:
    touch_something_else(main)
    commit(main)

    assert base_of(in_folder(main / "contracts"), main) is None


def test_without_any_commit_there_is_nothing_to_compare_with(main: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "empty")

    assert base_of(in_folder(main / "contracts"), tmp_path / "empty") is None


def test_a_shallow_clone_says_what_is_missing_and_how_to_get_it(main: Path, tmp_path: Path) -> None:
    remove_a_field(main)
    commit(main)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{main}", "shallow")
    shallow = tmp_path / "shallow"

    with pytest.raises(Usage, match="shallow") as refused:
        broken(shallow)

    assert (refused.value.exit, refused.value.slug) == (Exit.USAGE, "shallow_clone")
    assert "git fetch --unshallow" in refused.value.then
    git(shallow, "fetch", "-q", "--unshallow")
    assert broken(shallow) == [FIELD]


def test_a_shallow_branch_without_the_published_main_does_not_pass_either(main: Path, tmp_path: Path) -> None:
    git(main, "checkout", "-q", "-b", "branch")
    remove_a_field(main)
    commit(main)
    add_an_example(main)
    commit(main)
    git(tmp_path, "clone", "-q", "--depth", "2", "--branch", "branch", f"file://{main}", "shallow")

    with pytest.raises(Usage, match="shallow"):
        broken(tmp_path / "shallow")


def python(root: Path, *words: str) -> Said:
    """Python with the contracts of that tree installed."""
    surroundings = os.environ | {"PYTHONPATH": str(root / "contracts" / "src")}
    done = subprocess.run([sys.executable, *words], cwd=root, env=surroundings, capture_output=True, text=True)
    return Said(done.returncode, done.stdout, done.stderr)


def test_the_command_passes_the_first_contracts_and_fails_on_a_field_removed_by_the_next_commit(main: Path) -> None:
    first = python(main, "-m", "daira_cli", "contracts", "check")
    source = main / "contracts" / "src" / "daira_contracts" / "feed.py"
    source.write_text(source.read_text().replace(f"\n    {FIELD}: str", ""))
    assert python(main, "-c", WRITE).code == 0
    commit(main)

    said = python(main, "-m", "daira_cli", "contracts", "check")

    assert (first.code, "these are the first" in first.out) == (Exit.OK, True)
    assert (said.code, f"BREAKS removed: {TOPIC} {FIELD}" in said.out) == (Exit.FOUND, True)
