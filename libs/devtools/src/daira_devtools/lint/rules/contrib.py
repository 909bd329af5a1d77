"""`litestar.contrib` goes away in Litestar 3."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

LEAVING = "litestar.contrib"


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        if any(name == LEAVING or name.startswith(f"{LEAVING}.") for name in names):
            yield node.lineno, f"{LEAVING} is removed in Litestar 3: import from litestar.plugins"


RULE = Rule(code="contrib", why="An upgrade of the framework must not be an excavation.", check=check)
