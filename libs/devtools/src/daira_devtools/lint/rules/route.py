"""Every route says its name and who may call it."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile, dotted

DECORATORS = ("get", "post", "put", "patch", "delete", "head", "route", "websocket", "websocket_stream")
GUARDS = ("guards", "public", "opt")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped:
        return
    imported = _imported_decorators(file.tree)
    guarded_classes = _guarded_bodies(file.tree)
    guarded_names = _guarded_by_router(file.tree)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and dotted(decorator.func) in imported:
                    yield from _check_route(
                        node.name, decorator, inherits=id(node) in guarded_classes or node.name in guarded_names
                    )


def _imported_decorators(tree: ast.Module) -> frozenset[str]:
    """Names under which the file knows Litestar's decorators."""
    return frozenset(
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("litestar", "daira_web")
        for alias in node.names
        if alias.name in DECORATORS
    )


def _guarded_bodies(tree: ast.Module) -> frozenset[int]:
    """Methods of controllers that declare their guards once, in the class body."""
    return frozenset(
        id(member)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(_assigns(statement, GUARDS) for statement in node.body)
        for member in node.body
    )


def _guarded_by_router(tree: ast.Module) -> frozenset[str]:
    """Handlers that a router of the same file takes in and guards together."""
    return frozenset(
        dotted(handler)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and any(keyword.arg in GUARDS for keyword in node.keywords)
        for keyword in node.keywords
        if keyword.arg == "route_handlers" and isinstance(keyword.value, ast.List | ast.Tuple)
        for handler in keyword.value.elts
    )


def _assigns(statement: ast.stmt, names: tuple[str, ...]) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return dotted(statement.target) in names
    return isinstance(statement, ast.Assign) and any(dotted(target) in names for target in statement.targets)


def _check_route(name: str, decorator: ast.Call, *, inherits: bool) -> Iterator[tuple[int, str]]:
    given = {keyword.arg for keyword in decorator.keywords}
    if None in given:
        return
    if "operation_id" not in given:
        yield decorator.lineno, f"{name} has no operation_id: generated clients name their methods after it"
    if not inherits and not given & set(GUARDS):
        yield decorator.lineno, f"{name} has neither guards nor public: say who may call it"


RULE = Rule(
    code="route",
    why="Who may call a route is visible at the route; what a client calls it is not an accident.",
    check=check,
)
