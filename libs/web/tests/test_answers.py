"""The API document names every error of an operation: those declared, and those its parameters bring."""

from typing import Any

import msgspec
import pytest
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from daira_kit.errors import Conflict, Gone, NotFound
from daira_stores.idempotency import IdempotencyKey
from daira_web.answers import example, problems
from daira_web.app import create_app
from daira_web.guards import PUBLIC, signed_in, staff
from daira_web.health import Health
from daira_web.limits import Limiter
from daira_web.tokens import TokenVerifier


class Note(msgspec.Struct, rename="camel"):
    the_text: str


class NoteNotFound(NotFound):
    """There is no such note."""

    code = "note_not_found"


@post(
    "/v1/notes",
    operation_id="WriteNote",
    guards=[signed_in],
    responses={**example(201, Note, {"theText": "salam"}), **problems(Conflict)},
)
async def write_note(
    data: JSONBody[Note], idempotency: NamedDependency[IdempotencyKey | None], limiter: NamedDependency[Limiter]
) -> Note:
    return data


@get("/v1/notes/{name:str}", operation_id="ReadNote", opt=PUBLIC, responses=problems(NoteNotFound, Gone))
async def read_note(name: FromPath[str]) -> Note:
    return Note(the_text=name)


@get("/v1/notes", operation_id="ListNotes", guards=[staff])
async def list_notes(cursor: FromQuery[str | None] = None) -> list[Note]:
    return []


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    routes = [write_note, read_note, list_notes]
    verifier = TokenVerifier("", "")
    app = create_app(
        service="test", routes=routes, dependencies={"limiter": None}, verifier=verifier, health=Health({})
    )
    found: dict[str, Any] = msgspec.to_builtins(app.openapi_schema.to_schema())["paths"]
    return found


def errors(operation: dict[str, Any]) -> set[str]:
    return {status for status in operation["responses"] if int(status) >= 400}


def test_what_a_route_takes_says_what_can_go_wrong(paths: dict[str, Any]) -> None:
    assert errors(paths["/v1/notes"]["post"]) == {"400", "401", "409", "413", "415", "422", "429", "500", "503"}
    assert errors(paths["/v1/notes"]["get"]) == {"400", "401", "403", "500", "503"}
    assert errors(paths["/v1/notes/{name}"]["get"]) == {"400", "404", "410", "500", "503"}


def test_the_codes_of_one_status_stand_together_with_their_meaning(paths: dict[str, Any]) -> None:
    conflict = paths["/v1/notes"]["post"]["responses"]["409"]
    missing = paths["/v1/notes/{name}"]["get"]["responses"]["404"]

    assert "`conflict`" in conflict["description"]
    assert "`idempotency_in_progress`" in conflict["description"]
    assert "- `note_not_found`: There is no such note." in missing["description"].splitlines()
    assert "application/problem+json" in missing["content"]


def test_an_example_is_shown_and_must_fit_its_type(paths: dict[str, Any]) -> None:
    shown = paths["/v1/notes"]["post"]["responses"]["201"]["content"]["application/json"]["examples"]

    assert [one["value"] for one in shown.values()] == [{"theText": "salam"}]
    with pytest.raises(msgspec.ValidationError):
        example(201, Note, {"theTxt": "salam"})
