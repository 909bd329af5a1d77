"""Whether a running service or gateway still runs the code and configuration that lie in the checkout."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from daira_devtools.root import checkout_root
from daira_devtools.stack.table import Process

MADE_FROM = {
    "services": ("compose/native.toml", "contracts/src", "contracts/topics", "libs/*/src", "services/{}/src"),
    "gateway": ("compose/native.toml", "compose/gateway", "libs/devtools/src/daira_devtools/gateway"),
}
NOT_SHIPPED = ("devtools", "testing")


def fingerprint(name: str, row: Process) -> str:
    """Changes when a file does that the process was started from; empty for stores, which nobody restarts unasked."""
    patterns = [pattern.format(name) for pattern in MADE_FROM.get(row.group, ())]
    return of_files(patterns) if patterns else ""


def of_files(patterns: Iterable[str]) -> str:
    """A digest of names, sizes and times of the files at or below these paths of the checkout."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(_files(checkout_root(), pattern)):
            stat = path.stat()
            digest.update(f"{path} {stat.st_mtime_ns} {stat.st_size}\n".encode())
    return digest.hexdigest()


def _files(root: Path, pattern: str) -> Iterator[Path]:
    is_shared = pattern.startswith("libs/*")
    for start in root.glob(pattern):
        if is_shared and start.parent.name in NOT_SHIPPED:
            continue
        for path in [start] if start.is_file() else start.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                yield path
