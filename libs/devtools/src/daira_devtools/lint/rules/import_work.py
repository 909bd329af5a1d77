"""Importing a module does no work."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile, dotted

RESOURCES = (
    "Pool",
    "Client",
    "Connection",
    "Session",
    "Repository",
    "Service",
    "Engine",
    "Producer",
    "Consumer",
    "Database",
    "Litestar",
    "Cluster",
    "Executor",
    "Redis",
    "S3Store",
    "AdminClient",
    "Lock",
    "Event",
    "Queue",
)
WORK = ("open", "connect", "run", "start", "print", "input", "exec", "system", "Popen", "mkdir", "getLogger")
DESCRIPTIONS = ("Service",)  # daira_runtime's: says what a service is made of and makes nothing
WORK_PREFIXES = ("create_app", "build_", "connect_", "load_", "read_", "fetch_", "start_")


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if not file.is_shipped or file.path.name == "__main__.py":
        return
    for call in _calls_at_import(file.tree.body):
        name = dotted(call.func).rpartition(".")[2] or _last_attribute(call.func)
        if name in DESCRIPTIONS:
            continue
        if name.endswith(RESOURCES) or name in WORK or name.startswith(WORK_PREFIXES):
            yield call.lineno, f"{name}() runs at import: build it in wiring.py"


def _last_attribute(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ""


def _calls_at_import(body: list[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        yield from _calls_of(statement)


def _calls_of(node: ast.AST) -> Iterator[ast.Call]:
    """Calls made while the module is imported: not those inside functions, lambdas or decorators."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            yield from _calls_of(default)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.ClassDef):
        yield from _calls_at_import(node.body)
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _calls_of(child)


RULE = Rule(
    code="import-work",
    why="Nothing is opened, connected or built at import: wiring.py is the only place that constructs.",
    check=check,
)
