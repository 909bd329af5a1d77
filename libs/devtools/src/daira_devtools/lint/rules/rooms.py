"""Every service has the same rooms."""

from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

ROOMS = (
    "__init__",
    "__main__",
    "settings",
    "wiring",
    "routes",
    "handlers",
    "jobs",
    "projections",
    "service",
    "domain",
    "repository",
    "adapters",
    "schemas",
    "errors",
    "metrics",
    "migrations",
    "data",
    "static",
    "templates",
)


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    parts = file.path.parts
    if parts[0] == "services" and "src" in parts and file.room not in ROOMS:
        yield 1, f"{file.room} is not a room of a service: {', '.join(ROOMS[1:16])}"


RULE = Rule(
    code="rooms",
    why="Who knows one service knows all eleven.",
    check=check,
)
