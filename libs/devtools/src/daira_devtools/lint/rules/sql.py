"""Statements are read in one room."""

import ast
import re
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

STATEMENT = re.compile(
    r"""\A\s*(?:
        SELECT\s.+?\sFROM\s | SELECT\s+(?:pg_|1\b|\w+\() | INSERT\s+INTO\s | UPDATE\s+\S+\s+SET\s
      | DELETE\s+(?:\S+\s+)?FROM\s | TRUNCATE\s | MERGE\s+INTO\s | WITH\s+(?:RECURSIVE\s+)?\w+\s+AS\s
      | (?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|UNIQUE|TYPE|KEYSPACE|MATERIALIZED|FUNCTION|DATABASE|SCHEMA|ROLE)\b
      | (?:LISTEN|NOTIFY|LOCK\s+TABLE|BEGIN\s+BATCH|BEGIN\s+UNLOGGED)\b
    )""",
    re.VERBOSE | re.DOTALL,
)
LIBRARIES = ("libs/stores", "libs/bus")
ROOMS = ("repository", "migrations")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or file.distribution in LIBRARIES or file.room in ROOMS:
        return
    for node in ast.walk(file.tree):
        if id(node) not in file.docstrings and STATEMENT.match(_leading_text(node)):
            yield node.lineno, "a statement of a store outside repository or migrations"  # type: ignore[attr-defined]


def _leading_text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


RULE = Rule(
    code="sql",
    why="Who wants to know what a service asks of its stores reads repository and migrations, nothing else.",
    check=check,
)
