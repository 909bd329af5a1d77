"""Folders for work in progress; those of workers that were killed are found and removed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daira_kit.errors import Unavailable

_NAME = "daira-video"


class WorkspaceFull(Unavailable):
    """The disk for work in progress is full."""

    code = "workspace_full"


class Workspace:
    """One folder a job below `root` (empty: the system's temporary folder)."""

    def __init__(self, root: str) -> None:
        self._root = Path(root or tempfile.gettempdir())

    def sweep(self) -> list[Path]:
        """Remove the folders of processes that are gone; names carry the process id."""
        gone = [folder for folder in self._root.glob(f"{_NAME}-*-*") if not _lives(folder)]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return gone

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, gone with all it holds at the end."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{_NAME}-{os.getpid()}-", dir=self._root, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)


def _lives(folder: Path) -> bool:
    owner = folder.name.split("-")[2]
    return owner.isdigit() and Path("/proc", owner).exists()
