"""Runs the rules over files and honours `# house-skip: <code> reason`."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from daira_devtools.lint.source import SourceFile

TEXT_SUFFIXES = (".py", ".toml", ".yaml", ".yml", ".md", ".json", ".sh", ".sql", ".cql", ".txt", ".js", ".html")
TEXT_NAMES = ("Makefile", "run", "Dockerfile")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    path: PurePosixPath
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code}: {self.message}"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    why: str
    """One sentence for the person who broke it."""
    check: Callable[[SourceFile], Iterator[tuple[int, str]]]
    """Yields line and message."""
    python_only: bool = True

    def findings(self, file: SourceFile) -> Iterator[Finding]:
        if self.python_only and not file.is_python:
            return
        for line, message in self.check(file):
            yield Finding(path=file.path, line=line, code=self.code, message=message)


def check_file(file: SourceFile, rules: Iterable[Rule]) -> list[Finding]:
    """Findings that no comment excuses, and the comments that excuse nothing or give no reason."""
    try:
        found = [finding for rule in rules for finding in rule.findings(file)]
    except SyntaxError as error:
        return [Finding(path=file.path, line=error.lineno or 1, code="syntax", message=error.msg)]
    if not file.is_python:
        return found
    skips = {(line, code): reason for line, code, reason in file.skips()}
    used: set[tuple[int, str]] = set()
    kept: list[Finding] = []
    for finding in found:
        excuse = next((key for key in _excuses(finding) if key in skips), None)
        if excuse is None:
            kept.append(finding)
        else:
            used.add(excuse)
    known = {rule.code for rule in rules}
    kept.extend(_bad_skips(file, {key: reason for key, reason in skips.items() if key[1] in known}, used))
    return sorted(kept, key=lambda finding: (finding.line, finding.code))


def _excuses(finding: Finding) -> tuple[tuple[int, str], ...]:
    """A comment at the end of the line, or on the line above it."""
    return ((finding.line, finding.code), (finding.line - 1, finding.code))


def _bad_skips(file: SourceFile, skips: dict[tuple[int, str], str], used: set[tuple[int, str]]) -> Iterator[Finding]:
    for (line, code), reason in skips.items():
        if not reason:
            yield Finding(path=file.path, line=line, code="skip", message=f"say why {code} is skipped here")
        elif (line, code) not in used:
            yield Finding(path=file.path, line=line, code="skip", message=f"nothing here breaks {code}")


def tracked_files(root: Path) -> Iterator[PurePosixPath]:
    """Text files of the checkout that git tracks, or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in sorted(set(filter(None, listed.split("\0")))):
        path = PurePosixPath(name)
        wanted = path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES
        if wanted and (root / path).is_file() and not (root / path).is_symlink():
            yield path
