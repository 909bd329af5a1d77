"""The API document shows what a service hands over as examples, and the headers that only its code knows."""

from typing import Any

import msgspec
import pytest
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from daira_kit.pages import Page
from daira_stores.idempotency import IdempotencyKey
from daira_web.answers import example
from daira_web.app import create_app
from daira_web.described import Header, file, takes
from daira_web.guards import PUBLIC
from daira_web.health import Health
from daira_web.tokens import TokenVerifier

JSON = "application/json"
OFFSET = Header(name="Upload-Offset", description="Where the bytes begin", example="0", required=True)


class Draft(msgspec.Struct, rename="camel"):
    the_text: str | msgspec.UnsetType = msgspec.UNSET
    is_private: bool | msgspec.UnsetType = msgspec.UNSET


class Note(msgspec.Struct, rename="camel"):
    the_text: str
    likes: int = 0
    place: str | None = None


@post("/notes", operation_id="WriteNote", opt=PUBLIC)
async def write_note(data: JSONBody[Draft], idempotency: NamedDependency[IdempotencyKey | None]) -> Response[Note]:
    raise AssertionError("only described")


@get("/notes", operation_id="ListNotes", opt=PUBLIC)
async def list_notes() -> Page[Note]:
    raise AssertionError("only described")


@get("/notes/best", operation_id="ReadBest", opt=PUBLIC)
async def read_best() -> Response[Note | None]:
    raise AssertionError("only described")


@get("/notes/worst", operation_id="ReadWorst", opt=PUBLIC, responses=example(200, Note, {"theText": "x"}))
async def read_worst() -> Note:
    raise AssertionError("only described")


@patch("/film", operation_id="SendBytes", status_code=204, opt={**PUBLIC, **takes(OFFSET, body="video/mp4")})
async def send_bytes() -> Response[None]:
    raise AssertionError("only described")


@get("/film", operation_id="ReadFilm", opt=PUBLIC, responses=file("video/mp4"))
async def read_film() -> Response[Any]:
    raise AssertionError("only described")


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    app = create_app(
        service="test",
        routes=[write_note, list_notes, read_best, read_worst, send_bytes, read_film],
        dependencies={},
        examples=(Draft(the_text="salam"), Note(the_text="salam")),
        verifier=TokenVerifier("", ""),
        health=Health({}),
    )
    document = msgspec.to_builtins(app.openapi_schema.to_schema())
    found = [one for item in document["paths"].values() for one in item.values()]
    return {one["operationId"]: one for one in found}


def shown(said: dict[str, Any]) -> Any:
    (only,) = said["content"][JSON]["examples"].values()
    return only["value"]


def test_an_example_is_shown_wherever_its_type_is_taken_or_answered(operations: dict[str, dict[str, Any]]) -> None:
    assert shown(operations["WriteNote"]["requestBody"]) == {"theText": "salam"}
    assert shown(operations["WriteNote"]["responses"]["201"]) == {"theText": "salam", "likes": 0, "place": None}
    assert shown(operations["ReadBest"]["responses"]["200"]) == {"theText": "salam", "likes": 0, "place": None}


def test_a_page_shows_one_of_its_items(operations: dict[str, dict[str, Any]]) -> None:
    page = shown(operations["ListNotes"]["responses"]["200"])

    assert (page["items"], page["hasMore"]) == ([{"theText": "salam", "likes": 0, "place": None}], True)


def test_what_a_route_says_itself_comes_before_what_its_type_says(operations: dict[str, dict[str, Any]]) -> None:
    assert shown(operations["ReadWorst"]["responses"]["200"]) == {"theText": "x", "likes": 0, "place": None}


def test_headers_that_only_the_code_reads_are_parameters(operations: dict[str, dict[str, Any]]) -> None:
    (key,) = operations["WriteNote"]["parameters"]
    (offset,) = operations["SendBytes"]["parameters"]

    assert (key["in"], key["name"], key["required"]) == ("header", "Idempotency-Key", False)
    assert (offset["in"], offset["name"], offset["required"], offset["example"]) == (
        "header",
        "Upload-Offset",
        True,
        "0",
    )


def test_bytes_are_not_called_json_and_nothing_is_called_nothing(operations: dict[str, dict[str, Any]]) -> None:
    assert list(operations["SendBytes"]["requestBody"]["content"]) == ["video/mp4"]
    assert list(operations["ReadFilm"]["responses"]["200"]["content"]) == ["video/mp4"]
    assert "content" not in operations["SendBytes"]["responses"]["204"]
