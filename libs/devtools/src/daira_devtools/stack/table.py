"""The table of processes, `compose/native.toml`, as data."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from daira_devtools.root import checkout_root
from daira_devtools.stack.errors import StackError


class Download(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program: from an installed wheel, from Maven, or built by Go."""

    kind: str
    version: str = ""
    module: str = ""
    path: str = ""
    artifacts: tuple[str, ...] = ()
    package: str = ""


class Process(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process: its command, what it needs first, and how it says that it is ready.

    `once` are commands for an empty data folder. `before` run at a start, if a file below `before_if_changed` or a
    store's data folder is not the one of their last run. `stale` are files in the data folder that a dead process
    leaves and the next must not see. Times in seconds.
    """

    group: str
    command: tuple[str, ...]
    ready: str
    ports: Mapping[str, int] = {}
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    files: Mapping[str, str] = {}
    folders: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    once: tuple[tuple[str, ...], ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    before_if_changed: tuple[str, ...] = ()
    render: str = ""
    unprivileged: bool = False
    stop: str = "TERM"
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0


class Services(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is the same for all services, and the values of their settings."""

    names: tuple[str, ...]
    first_port: int
    env: Mapping[str, str]
    before: tuple[tuple[str, ...], ...]
    before_if_changed: tuple[str, ...]
    command: tuple[str, ...]
    ready: str
    ready_seconds: float
    stop_seconds: float
    settings: Mapping[str, str]
    own: Mapping[str, Mapping[str, str]]
    waits: Mapping[str, str]

    def values(self, service: str) -> dict[str, str]:
        """Setting → text, for one service; `${…}` other than `${service}` still in it."""
        rows = {**self.settings, **self.own.get(service, {})}
        return {name: _for(service, text) for name, text in rows.items()}

    def process(self, service: str) -> Process:
        return Process(
            group="services",
            ports={"http": self.first_port + self.names.index(service)},
            env=self.env,
            before=tuple(tuple(_for(service, word) for word in command) for command in self.before),
            before_if_changed=tuple(_for(service, path) for path in self.before_if_changed),
            command=tuple(_for(service, word) for word in self.command),
            ready=self.ready,
            ready_seconds=self.ready_seconds,
            stop_seconds=self.stop_seconds,
        )


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that must be done once its needs are ready: a function of the same name in `bootstrap`."""

    group: str
    needs: tuple[str, ...]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `compose/native.toml` says; `process` includes the services."""

    host: str
    download: Mapping[str, Download]
    process: Mapping[str, Process]
    service: Services
    step: Mapping[str, Step]

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
    """Reads the table. Raises `StackError` that names a misspelt key."""
    path = path or checkout_root() / "compose" / "native.toml"
    try:
        table = msgspec.convert(tomllib.loads(path.read_text()), Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StackError(f"{path}: {error}") from error
    services = {name: table.service.process(name) for name in table.service.names}
    return msgspec.structs.replace(table, process={**table.process, **services})


def _for(service: str, text: str) -> str:
    return text.replace("${service}", service)
