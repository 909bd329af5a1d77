"""Where things lie: the download cache, the folder of one stack; and what the environment asks for."""

import os
from collections.abc import Mapping
from pathlib import Path

from daira_devtools.root import checkout_root
from daira_devtools.stack.errors import StackError

MODES = ("native", "containers", "external")


def surroundings() -> Mapping[str, str]:
    """The environment this tool was started in."""
    return os.environ


def cache() -> Path:
    """Downloads outlive checkouts: `DAIRA_CACHE`, or a folder in the user's cache."""
    return Path(surroundings().get("DAIRA_CACHE") or "~/.cache/daira").expanduser()


def mode() -> str:
    """`DAIRA_STACK`: native processes (the default), containers, or an external stack. Raises `StackError`."""
    chosen = surroundings().get("DAIRA_STACK") or "native"
    if chosen not in MODES:
        raise StackError(f"DAIRA_STACK={chosen}: choose one of {', '.join(MODES)}")
    return chosen


class StackFolder:
    """The folder `.stack/<name>/` of one stack: data, logs, rendered configuration, process records."""

    def __init__(self, name: str, parent: Path | None = None) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise StackError(f"{name!r} is not a name for a stack: letters, digits, - and _ only")
        self.name = name
        self.path = (parent or checkout_root() / ".stack") / name

    @property
    def records(self) -> Path:
        return self.path / "processes"

    def record(self, process: str) -> Path:
        return self.records / f"{process}.json"

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
