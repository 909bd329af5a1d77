"""The environment is read once, by the settings loader."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile, dotted

READERS = ("os.environ", "os.getenv", "os.environb", "os.putenv")
IMPORTED = ("environ", "getenv", "environb", "putenv")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or file.distribution == "libs/kit":
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in READERS:
            yield node.lineno, f"{dotted(node)} outside daira_kit: declare a field in settings.py"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for name in (alias.name for alias in node.names if alias.name in IMPORTED):
                yield node.lineno, f"os.{name} outside daira_kit: declare a field in settings.py"


RULE = Rule(
    code="environ",
    why="What a process obeys is declared in settings.py, so that it can be shown, documented and refused.",
    check=check,
)
