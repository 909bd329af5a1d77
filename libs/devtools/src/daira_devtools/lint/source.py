"""A source file as the rules see it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

SKIP = re.compile(r"#\s*house-skip:\s*(?P<code>[a-z-]+)(?P<reason>.*)$")


class SourceFile:
    """One file of the tree.

    `path` is relative to the root of the checkout; `tree` raises `SyntaxError` for a broken Python file.
    """

    def __init__(self, path: PurePosixPath, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.splitlines()

    @classmethod
    def read(cls, root: Path, path: PurePosixPath) -> "SourceFile":
        return cls(path, (root / path).read_text(encoding="utf-8"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_python(self) -> bool:
        return self.path.suffix == ".py"

    @property
    def is_test(self) -> bool:
        return "tests" in self.path.parts

    @property
    def is_bench(self) -> bool:
        return "bench" in self.path.parts

    @property
    def distribution(self) -> str:
        """`services/feed`, `libs/kit`, `contracts`, or the empty string for the root's own files."""
        parts = self.path.parts
        if parts[0] in ("services", "libs") and len(parts) > 1:
            return f"{parts[0]}/{parts[1]}"
        return "contracts" if parts[0] == "contracts" else ""

    @property
    def room(self) -> str:
        """`service` for `services/feed/src/daira_feed/service/circle.py`; empty outside a package."""
        parts = self.path.parts
        if "src" not in parts:
            return ""
        inside = parts[parts.index("src") + 2 :]
        return inside[0].removesuffix(".py") if inside else ""

    @property
    def is_shipped(self) -> bool:
        """Runs in production: a package's own code, not tests, benches or what developers use."""
        return "src" in self.path.parts and self.distribution not in ("libs/devtools", "libs/testing")

    @cached_property
    def docstrings(self) -> frozenset[int]:
        """Identities of the constants that are docstrings or attribute docs."""
        found: set[int] = set()
        for node in ast.walk(self.tree):
            body = getattr(node, "body", None)
            for statement in body if isinstance(body, list) else ():
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    found.add(id(statement.value))
        return frozenset(found)

    def skips(self) -> Iterator[tuple[int, str, str]]:
        """Line, code and reason of every `# house-skip:` comment."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT and (match := SKIP.search(token.string)):
                yield token.start[0], match["code"], match["reason"].strip()


def dotted(node: ast.expr) -> str:
    """`os.environ.get` for the expression of that name; empty when it is not a plain dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
