"""A file fits a head, a function fits a screen."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 60


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    budget = TEST_FILE_LINES if file.is_test else FILE_LINES
    if len(file.lines) > budget:
        yield 1, f"{len(file.lines)} lines, the budget is {budget}: let the room become a package"
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {lines} lines, the budget is {FUNCTION_LINES}"


RULE = Rule(
    code="size",
    why="The best code of the field keeps nine of ten functions under fifty lines; beyond that it turns ugly.",
    check=check,
)
