"""The wall clock is a dependency."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile, dotted

WALL_CLOCKS = (
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
)
IMPORTED = ("time", "time_ns", "localtime", "gmtime")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or file.distribution == "libs/kit":
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in WALL_CLOCKS:
            yield node.lineno, f"{dotted(node)} outside daira_kit: use daira_kit.clock.now()"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            for name in (alias.name for alias in node.names if alias.name in IMPORTED):
                yield node.lineno, f"time.{name} outside daira_kit: use daira_kit.clock.now()"


RULE = Rule(
    code="clock",
    why="Time that comes from one place can be set by a test and frozen by a replay.",
    check=check,
)
