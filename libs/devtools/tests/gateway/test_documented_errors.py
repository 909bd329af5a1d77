"""The API document against the code: no operation without its errors, no error that no operation names."""

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from inspect import getmembers, isclass
from typing import Any

import msgspec
import pytest

from daira_devtools.gateway import merged
from daira_devtools.root import checkout_root
from daira_devtools.stack.table import load as load_processes
from daira_kit.errors import DairaError

UNDECLARED: dict[str, str] = {}
"""Code of an error that no operation answers with → why it exists."""

BARE = {"400", "401", "500", "503"}
NOTHING_MORE = {
    "GetSettings": "one's own, with defaults",
    "ListBlocks": "one's own; a bad cursor is 400",
    "ListFollowRequests": "one's own; a bad cursor is 400",
    "ListMutes": "one's own; a bad cursor is 400",
    "ListSessions": "one's own; a bad cursor is 400",
    "ExportMyEvents": "one's own; a bad cursor is 400",
}
"""Guarded operations that refuse nobody who is signed in, and why."""


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    document = msgspec.json.decode((checkout_root() / merged.FILE).read_bytes())
    found = [operation for item in document["paths"].values() for operation in item.values()]
    return {operation["operationId"]: operation for operation in found}


def codes(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Status and code of each error of an operation."""
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            for code in re.findall(r"^- `(\w+)`: ", response["description"], re.MULTILINE):
                yield status, code


def errors_of(service: str) -> list[type[DairaError]]:
    name = f"daira_{service}.errors"
    if find_spec(f"daira_{service}") is None or find_spec(name) is None:
        return []
    return [found for _, found in getmembers(import_module(name), isclass) if issubclass(found, DairaError)]


def test_every_operation_has_a_summary_and_its_errors(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        statuses = {status for status, _ in codes(operation)}
        assert operation.get("summary"), name
        assert {"400", "500", "503"} <= statuses, name
        if "security" in operation:
            assert "401" in statuses, name
            assert (statuses > BARE) is (name not in NOTHING_MORE), name


def test_every_error_status_names_its_codes(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        told = {status for status, _ in codes(operation)}
        assert told == {status for status in operation["responses"] if int(status) >= 400}, name


def test_every_error_of_a_service_is_named_by_one_of_its_operations(operations: dict[str, dict[str, Any]]) -> None:
    missing: list[str] = []
    for service in load_processes().service.names:
        own = {pair for one in operations.values() if one["tags"] == [service] for pair in codes(one)}
        for error in errors_of(service):
            is_own = error.__module__ == f"daira_{service}.errors"
            if is_own and (str(error.status), error.code) not in own and error.code not in UNDECLARED:
                missing.append(f"{service}: {error.__name__} ({error.status} {error.code})")

    assert not missing, "\n".join(missing)
