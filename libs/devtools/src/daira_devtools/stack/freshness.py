"""Whether a running service or gateway still runs the code and configuration that lie in the checkout."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from daira_devtools.root import checkout_root
from daira_devtools.stack.table import Process

SHARED = ("compose", "contracts", "libs")
OWN = {"services": "services/{}/src", "gateway": "services"}
KINDS = frozenset({".py", ".toml", ".yaml", ".json", ".sql", ".cql", ".html"})


def fingerprint(name: str, row: Process) -> str:
    """Changes when a file does that the process was started from; empty for stores, which nobody restarts unasked."""
    if row.group not in OWN:
        return ""
    digest = hashlib.sha256()
    for folder in (*SHARED, OWN[row.group].format(name)):
        for path in sorted(_files(checkout_root() / folder)):
            stat = path.stat()
            digest.update(f"{path} {stat.st_mtime_ns} {stat.st_size}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in KINDS and "tests" not in path.parts)
