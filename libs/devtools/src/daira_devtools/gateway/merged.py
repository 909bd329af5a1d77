"""One OpenAPI document out of eleven: what a client generator reads."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daira_devtools.gateway.table import SANDBOX_PREFIX, RouteConflict

FILE = "compose/gateway/openapi.json"
REFERENCE = "#/components/schemas/"
Document = dict[str, Any]


def merge(documents: Mapping[str, Document]) -> Document:
    """Paths, schemas and tags of all services.

    A schema that two services mean differently gets its service's name before its own. Raises RouteConflict when
    an operation id is not unique: generated clients would lose a method.
    """
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": "DAIRA", "version": "1.0.0", "description": "Every route behind the gateway."},
        "servers": [{"url": "/"}],
        "tags": [],
        "paths": {},
        "components": {
            "schemas": {},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    clashes = _clashes(documents)
    operations: dict[str, str] = {}
    for service, document in documents.items():
        renamed = _rename(document, {name: f"{service.capitalize()}{name}" for name in clashes})
        merged["components"]["schemas"] |= renamed.get("components", {}).get("schemas", {})
        paths = {path: item for path, item in renamed.get("paths", {}).items() if not path.startswith(SANDBOX_PREFIX)}
        if paths:
            merged["tags"].append({"name": service})
        for path, item in paths.items():
            _note_operations(operations, service, item)
            merged["paths"].setdefault(path, {}).update(item)
    merged["paths"] = dict(sorted(merged["paths"].items()))
    merged["components"]["schemas"] = dict(sorted(_used(merged).items()))
    return merged


def encode(document: Document) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def _note_operations(operations: dict[str, str], service: str, item: Document) -> None:
    for operation in (value for value in item.values() if isinstance(value, dict)):
        name = operation.get("operationId", "")
        if name in operations:
            raise RouteConflict(f"operation id {name} is used by {operations[name]} and {service}")
        operations[name] = service
        operation["tags"] = [service]


def _clashes(documents: Mapping[str, Document]) -> set[str]:
    """Names of schemas that differ between services."""
    first: dict[str, Any] = {}
    clashes: set[str] = set()
    for document in documents.values():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if first.setdefault(name, schema) != schema:
                clashes.add(name)
    return clashes


def _rename(node: Any, names: Mapping[str, str]) -> Any:
    """A copy with schema names replaced, in definitions and references, and with `oneOf` only where it can hold."""
    if isinstance(node, list):
        return [_rename(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _rename(value, names) for key, value in node.items()}
    reference = copy.get("$ref")
    if isinstance(reference, str) and reference.startswith(REFERENCE):
        name = reference.removeprefix(REFERENCE)
        copy["$ref"] = REFERENCE + names.get(name, name)
    if {} in (copy.get("oneOf") or ()):  # what fits a type also fits "anything", so it would never fit exactly one
        copy["anyOf"] = copy.pop("oneOf")
    if isinstance(copy.get("schemas"), dict):
        copy["schemas"] = {names.get(name, name): schema for name, schema in copy["schemas"].items()}
    return copy


def _used(merged: Document) -> dict[str, Any]:
    """Only the schemas that some path reaches: sandbox routes left, so did theirs."""
    schemas: dict[str, Any] = merged["components"]["schemas"]
    reached: dict[str, Any] = {}
    waiting = _references(merged["paths"])
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in reached:
            reached[name] = schemas[name]
            waiting |= _references(schemas[name])
    return reached


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*(_references(item) for item in node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = set().union(*(_references(value) for value in node.values())) if node else set()
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(REFERENCE):
        found.add(reference.removeprefix(REFERENCE))
    return found
