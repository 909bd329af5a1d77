"""The table of processes, `compose/native.toml`, as data."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, convert

from daira_devtools.stack import place


class Download(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program: from an installed wheel, from Maven, or built by Go."""

    kind: str
    version: str = ""
    module: str = ""
    path: str = ""
    artifacts: tuple[str, ...] = ()
    package: str = ""


class Process(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process: its command, what it needs first, and how it says that it is ready."""

    group: str
    command: tuple[str, ...]
    ready: str
    ports: dict[str, int] = {}
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    files: dict[str, str] = {}
    folders: tuple[str, ...] = ()
    env: dict[str, str] = {}
    once: tuple[tuple[str, ...], ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    render: str = ""
    unprivileged: bool = False
    stop: str = "TERM"
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that must be done once its needs are ready: a function of the same name in `bootstrap`."""

    group: str
    needs: tuple[str, ...]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `compose/native.toml` says."""

    host: str
    download: dict[str, Download]
    process: dict[str, Process]
    step: dict[str, Step]

    def port(self, base: int, process: str, name: str) -> int:
        return base + self.process[process].ports[name]

    def ports(self, base: int) -> dict[str, int]:
        """Every port of a stack as `process.name`."""
        return {
            f"{process}.{name}": base + offset
            for process, row in self.process.items()
            for name, offset in row.ports.items()
        }

    def select(self, groups: Iterable[str]) -> dict[str, Process]:
        chosen = frozenset(groups)
        return {name: row for name, row in self.process.items() if row.group in chosen}

    def steps_of(self, groups: Iterable[str]) -> dict[str, Step]:
        chosen = frozenset(groups)
        return {name: step for name, step in self.step.items() if step.group in chosen}


def load(path: Path | None = None) -> Table:
    """Reads the table; a misspelt key is an error that names it."""
    text = (path or place.root() / "compose" / "native.toml").read_text()
    return convert(tomllib.loads(text), Table)
