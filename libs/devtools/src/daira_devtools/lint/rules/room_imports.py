"""What a room may not know. Import contracts hold between our packages; this holds against everybody's."""

import ast
from collections.abc import Iterator

from daira_devtools.lint.engine import Rule
from daira_devtools.lint.source import SourceFile

DRIVERS = frozenset(
    {"psycopg", "psycopg_pool", "redis", "cassandra", "obstore", "minio", "qdrant_client", "opensearchpy"}
)
CLIENTS = frozenset({"httpx", "aiohttp", "requests", "urllib3"})
WEB = frozenset({"litestar"})
EDGES = frozenset({"daira_stores", "daira_bus", "daira_runtime"})

FORBIDDEN = {
    "domain": DRIVERS | CLIENTS | WEB | EDGES | {"daira_web", "daira_observe", "asyncio", "subprocess", "socket"},
    "schemas": DRIVERS | CLIENTS | EDGES | {"daira_contracts"},
    "routes": DRIVERS | CLIENTS | EDGES | {"daira_contracts"},
    "handlers": DRIVERS | CLIENTS | WEB,
    "jobs": DRIVERS | CLIENTS | WEB,
    "service": DRIVERS | CLIENTS | WEB | {"aiokafka"},
    "repository": CLIENTS | WEB,
}
# What a request brings along (its Idempotency-Key) and what comes of it; values, no store is touched.
VALUES = frozenset({"daira_stores.idempotency"})


def check(file: SourceFile) -> Iterator[tuple[int, str]]:
    if file.path.parts[0] != "services" or not file.is_shipped or file.room not in FORBIDDEN:
        return
    for node in ast.walk(file.tree):
        for package in _imported(node):
            if package in FORBIDDEN[file.room]:
                yield node.lineno, f"{file.room} does not know {package}"  # type: ignore[attr-defined]
        if file.room == "domain" and isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield node.lineno, "domain decides and never waits"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.module not in VALUES:
        return [node.module.partition(".")[0]]
    return []


RULE = Rule(
    code="room-imports",
    why="Do I decide? domain. Do I arrange? service. Do I remember? repository. Do I touch the world? adapters.",
    check=check,
)
