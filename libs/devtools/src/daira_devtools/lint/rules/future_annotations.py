"""Types that are read at run time stay types."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

ROOMS = ("schemas", "routes", "settings")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or (file.distribution != "contracts" and file.room not in ROOMS):
        return
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield node.lineno, "msgspec and Litestar read these annotations: do not postpone them"


RULE = Rule(
    code="future-annotations",
    why="Postponed annotations are text; decoders and the OpenAPI file need the types.",
    check=check,
)
