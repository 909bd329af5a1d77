"""`make test SIZE=full` takes long: a second run of the same commit leaves out what passed, and a table tells counts.

Passed tests are noted in `.stack/<name>/full.jsonl` as they pass. A tree with changes is nobody's commit: nothing is
noted and nothing is left out.
"""

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from daira_kit.settings import environment

DEFAULT_NAME = "test"


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal. `count` is how often the test did its thing; 0 when its size is always the same."""

    commit: str
    test: str
    count: int
    seconds: float


class Journal:
    """The notes of one commit; without a commit they are kept for this run only."""

    def __init__(self, path: Path, commit: str | None) -> None:
        self._path, self._commit = path, commit
        self.passed = {note.test: note for note in self._read() if note.commit == commit}

    def note(self, test: str, count: int, seconds: float) -> None:
        """Written at once: what is interrupted later has still passed."""
        self.passed[test] = Passed(commit=self._commit or "", test=test, count=count, seconds=seconds)
        if self._commit:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(self.passed[test]) + b"\n")

    def _read(self) -> Iterable[Passed]:
        if not self._commit or not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=Passed)
            except msgspec.MsgspecError:
                continue  # cut off when the machine went down


class FullSize:
    """Deselects, notes and tells."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._counts: dict[str, int] = {}
        self._seconds: dict[str, float] = defaultdict(float)
        self._troubled: set[str] = set()
        self._left_out = 0

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            self._counts[item.nodeid] = count_of(item)
        done = [item for item in items if item.nodeid in self._journal.passed]
        self._left_out = len(done)
        if done:
            items[:] = [item for item in items if item.nodeid not in self._journal.passed]
            config.hook.pytest_deselected(items=done)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if not report.passed:
            self._troubled.add(report.nodeid)
        if report.when == "teardown" and report.nodeid not in self._troubled:
            self._journal.note(report.nodeid, self._counts[report.nodeid], round(self._seconds[report.nodeid], 1))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._left_out:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        tell = terminalreporter
        tell.section("at the full size")
        tell.line(f"{'count':>9} {'cases':>9} {'seconds':>9}  test")
        for name, cases in sorted(self._sized().items()):
            passed = [self._journal.passed[case] for case in cases if case in self._journal.passed]
            count, seconds = sum(note.count for note in passed), sum(note.seconds for note in passed)
            tell.line(f"{count:>9} {f'{len(passed)}/{len(cases)}':>9} {seconds:>9.1f}  {name}")
        if self._left_out:
            tell.line(f"{self._left_out} passed in an earlier run of this commit and were left out")

    def _sized(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for nodeid, count in self._counts.items():
            if count:
                found[nodeid.partition("[")[0]].append(nodeid)
        return found


def pytest_configure(config: pytest.Config) -> None:
    """An ordinary run always runs everything, and draws the same examples every time; the full size draws new ones."""
    config.addinivalue_line("markers", "sized(count=1): its count, or the number of its cases, grows with SIZE=full")
    if environment("SIZE") == "full":
        folder = config.rootpath / ".stack" / (environment("DAIRA_STACK_NAME") or DEFAULT_NAME)
        config.pluginmanager.register(FullSize(Journal(folder / "full.jsonl", clean_commit(config.rootpath))))
    else:
        settings.register_profile("ordinary", derandomize=True)
        settings.load_profile("ordinary")


def count_of(item: pytest.Item) -> int:
    """How often the test does its thing in one case; 0 for a test that is not marked `sized`."""
    marker = item.get_closest_marker("sized")
    return 0 if marker is None else int(marker.args[0] if marker.args else 1)


def clean_commit(root: Path) -> str | None:
    """The commit that the tree is exactly; None if it has changes or is no checkout."""
    try:
        return None if _git(root, "status", "--porcelain") else _git(root, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *words: str) -> str:
    return subprocess.run(("git", *words), cwd=root, check=True, capture_output=True, text=True).stdout.strip()
