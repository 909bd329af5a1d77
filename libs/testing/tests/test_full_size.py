"""A long run that is interrupted goes on where it was; the table tells what it counted."""

import subprocess
import sys
from pathlib import Path

import pytest

from daira_testing.full_size import clean_commit

TESTS = """
from pathlib import Path
import pytest

@pytest.mark.sized(2000)
def test_many_times():
    with Path(".stack/ran").open("a") as file:
        print("many", file=file)

@pytest.mark.sized
@pytest.mark.parametrize("seed", range(3))
def test_seeds(seed):
    assert seed != 1 or Path(".stack/mended").exists()

def test_always_the_same(tmp_path):
    pass

@pytest.fixture
def untidy():
    yield
    assert Path(".stack/mended").exists()

def test_that_leaves_something_behind(untidy):
    pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / ".stack").mkdir(parents=True)
    (root / ".gitignore").write_text(".stack/\n__pycache__/\n.pytest_cache/\n")
    (root / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (root / "test_it.py").write_text(TESTS)
    commit(root, "init", "-q")
    commit(root, "add", ".")
    commit(root, "commit", "-q", "-m", "first")
    return root


def commit(root: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *who, *words), cwd=root, check=True)


def run(root: Path, monkeypatch: pytest.MonkeyPatch, size: str = "full") -> tuple[int, str]:
    monkeypatch.setenv("SIZE", size)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("DAIRA_STACK_NAME", raising=False)
    command = (sys.executable, "-m", "pytest", "-p", "daira_testing.full_size", "-q", "--tb=no")
    ended = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout


def row(told: str, test: str) -> list[str]:
    """Count and cases; how long it took is not for a test to say."""
    return next(line.split()[:2] for line in told.splitlines() if line.endswith(f"  {test}"))


def ran(root: Path) -> int:
    return len((root / ".stack/ran").read_text().split())


def test_a_second_run_of_the_commit_runs_only_what_has_not_passed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told = run(checkout, monkeypatch)
    assert code == 1
    assert row(told, "test_it.py::test_many_times") == ["2000", "1/1"]
    assert row(told, "test_it.py::test_seeds") == ["2", "2/3"]
    assert "test_always_the_same" not in told

    (checkout / ".stack/mended").touch()
    code, told = run(checkout, monkeypatch)
    assert code == 0
    assert "2 passed, 4 deselected" in told
    assert row(told, "test_it.py::test_many_times") == ["2000", "1/1"]
    assert row(told, "test_it.py::test_seeds") == ["3", "3/3"]
    assert "4 passed in an earlier run of this commit and were left out\n" in told

    code, told = run(checkout, monkeypatch)
    assert code == 0
    assert "6 deselected" in told
    assert ran(checkout) == 1


def test_another_commit_begins_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(checkout, monkeypatch)
    commit(checkout, "commit", "-q", "--allow-empty", "-m", "second")

    _, told = run(checkout, monkeypatch)

    assert "deselected" not in told
    assert ran(checkout) == 2


def test_a_tree_with_changes_neither_notes_nor_leaves_out(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(checkout, monkeypatch)
    noted = (checkout / ".stack/test/full.jsonl").read_bytes()
    (checkout / "new.txt").touch()

    _, told = run(checkout, monkeypatch)

    assert "deselected" not in told
    assert row(told, "test_it.py::test_many_times") == ["2000", "1/1"]
    assert (checkout / ".stack/test/full.jsonl").read_bytes() == noted


def test_a_torn_note_is_nobodys(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(checkout, monkeypatch)
    journal = checkout / ".stack/test/full.jsonl"
    journal.write_bytes(journal.read_bytes().splitlines()[0] + b'\n{"commit": "')

    _, told = run(checkout, monkeypatch)

    assert "1 deselected" in told


def test_an_ordinary_run_runs_everything_and_tells_no_table(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(checkout, monkeypatch)

    _, told = run(checkout, monkeypatch, "ordinary")

    assert "deselected" not in told
    assert "full size" not in told
    assert ran(checkout) == 2


def test_without_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert clean_commit(tmp_path) is None
