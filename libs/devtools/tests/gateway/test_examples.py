"""The API document as somebody reads it who wants to try a route: every body and answer is shown once, and fits."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from daira_devtools.gateway import merged
from daira_devtools.root import checkout_root

JSON = "application/json"
DOCUMENT: dict[str, Any] = msgspec.json.decode((checkout_root() / merged.FILE).read_bytes())
OPERATIONS = {one["operationId"]: one for item in DOCUMENT["paths"].values() for one in item.values()}
TUS = {"CreateUpload", "ReadUpload", "WriteUpload", "TerminateUpload", "OverrideUploadMethod"}


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is sent and what a success answers, as far as it is JSON."""
    said = [operation.get("requestBody", {})]
    said += [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    yield from (one["content"][JSON] for one in said if JSON in one.get("content", {}))


def headers(name: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in OPERATIONS[name].get("parameters", ()) if one["in"] == "header"}


@pytest.mark.parametrize("name", [name for name, one in OPERATIONS.items() if any(bodies(one))])
def test_every_json_body_and_answer_has_an_example_that_fits_its_schema(name: str) -> None:
    for body in bodies(OPERATIONS[name]):
        shown = [example["value"] for example in body.get("examples", {}).values()]
        schema = {**body["schema"], "components": DOCUMENT["components"]}
        checked = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

        assert shown
        assert [error.message for value in shown for error in checked.iter_errors(value)] == []


def test_only_what_is_json_is_called_json() -> None:
    nothing_known = [name for name, one in OPERATIONS.items() if any(not body["schema"] for body in bodies(one))]

    assert nothing_known == []


def test_a_route_that_answers_a_key_used_twice_says_that_it_takes_one() -> None:
    repeatable = {name for name, one in OPERATIONS.items() if "idempotency_mismatch" in str(one["responses"])}

    assert repeatable >= {"CreatePost", "CreateUpload", "AskExport", "DecideCase"}
    assert {name for name in OPERATIONS if "Idempotency-Key" in headers(name)} == repeatable


@pytest.mark.parametrize("name", sorted(TUS))
def test_uploads_say_which_headers_they_take(name: str) -> None:
    taken = headers(name)

    assert (taken["Tus-Resumable"]["required"], taken["Tus-Resumable"]["example"]) == (True, "1.0.0")
    if name == "CreateUpload":
        assert {"Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat"} <= set(taken)
    if name == "WriteUpload":
        assert taken["Upload-Offset"]["required"]
        assert OPERATIONS[name]["requestBody"]["required"]
        assert list(OPERATIONS[name]["requestBody"]["content"]) == ["application/offset+octet-stream"]
