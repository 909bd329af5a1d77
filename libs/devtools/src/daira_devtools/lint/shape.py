"""The shape of the code: how long files and functions are, beside what we aim for."""

import ast
from collections.abc import Iterable
from statistics import median, quantiles

from daira_devtools.lint.source import SourceFile


def function_lengths(file: SourceFile) -> list[int]:
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def shape(files: Iterable[SourceFile]) -> str:
    """One line on the packages' own files (no tests, no empty files); empty when there are none."""
    lengths: list[int] = []
    functions: list[int] = []
    for file in files:
        if file.is_python and "src" in file.path.parts and file.lines:
            lengths.append(len(file.lines))
            functions.extend(function_lengths(file))
    if len(lengths) < 2 or len(functions) < 2:
        return ""
    return (
        f"shape: median file {median(lengths):.0f} lines (aim 100), median function {median(functions):.0f} (aim 10), "
        f"nine of ten functions under {quantiles(functions, n=10)[-1]:.0f} (aim 30)"
    )
