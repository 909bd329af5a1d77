"""Where things lie: the checkout, the download cache, the folder of one stack."""

import os
from collections.abc import Mapping
from pathlib import Path

from daira_devtools.stack.errors import StackError


def root() -> Path:
    """The checkout: the nearest folder above this file that holds the table of processes."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "compose" / "native.toml").is_file():
            return folder
    raise StackError("compose/native.toml was not found above the installed package: use an editable install")


def surroundings() -> Mapping[str, str]:
    """The environment this tool was started in."""
    return os.environ  # house-skip: environ a launcher passes its surroundings on to the processes it starts


def cache() -> Path:
    """Downloads outlive checkouts: `DAIRA_CACHE`, or a folder in the user's cache."""
    return Path(surroundings().get("DAIRA_CACHE") or "~/.cache/daira").expanduser()


class StackFolder:
    """The folder `.stack/<name>/` of one stack: data, logs, rendered configuration, process records."""

    def __init__(self, name: str, parent: Path | None = None) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise StackError(f"{name!r} is not a name for a stack: letters, digits, - and _ only")
        self.name = name
        self.path = (parent or root() / ".stack") / name

    @property
    def records(self) -> Path:
        return self.path / "processes"

    @property
    def state(self) -> Path:
        return self.path / "stack.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.toml"

    def data(self, process: str) -> Path:
        return self.path / "data" / process

    def config(self, process: str) -> Path:
        return self.path / "config" / process

    def log(self, process: str) -> Path:
        return self.path / "logs" / f"{process}.log"
