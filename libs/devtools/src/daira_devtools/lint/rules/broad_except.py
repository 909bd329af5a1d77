"""Catching everything belongs to the edges."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile, dotted

EDGES = ("libs/bus", "libs/web", "libs/runtime")
BROAD = ("Exception", "BaseException")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or file.distribution in EDGES:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _ends_by_raising(node):
            yield node.lineno, "catches everything: name what can fail, or let the edge answer"


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(dotted(name) in BROAD for name in names)


def _ends_by_raising(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and raising again hides nothing."""
    return isinstance(handler.body[-1], ast.Raise)


RULE = Rule(
    code="broad-except",
    why="An error that is swallowed in the middle is a lost message; bus, web and runtime are the edges.",
    check=check,
)
