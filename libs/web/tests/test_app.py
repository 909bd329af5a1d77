"""What every service's edge does: problems, ids, guards, idempotency, health."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from litestar import Litestar, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, JSONBody
from structlog.testing import capture_logs

from daira_kit.errors import BadRequest, Conflict, NotFound, PayloadTooLarge, Unavailable
from daira_kit.ids import new_id
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.tokens import ISSUER, TokenMint
from daira_web.app import create_app
from daira_web.guards import PUBLIC, maybe_signed_in, signed_in, staff
from daira_web.health import Health
from daira_web.tokens import Caller, TokenVerifier


class Note(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    the_text: str


@get("/v1/me", operation_id="Me", guards=[signed_in])
async def me(caller: NamedDependency[Caller]) -> dict[str, str]:
    return {"userId": str(caller.user_id)}


@get("/v1/staff", operation_id="Staff", guards=[staff])
async def only_staff() -> dict[str, bool]:
    return {"staff": True}


@get("/v1/greeting", operation_id="Greet", guards=[maybe_signed_in])
async def greet(maybe_caller: NamedDependency[Caller | None], times: FromQuery[int] = 1) -> dict[str, Any]:
    return {"known": maybe_caller is not None, "times": times}


@get("/v1/broken/{kind:str}", operation_id="Break", opt=PUBLIC)
async def broken(kind: FromPath[str]) -> None:
    failures = {"bug": ZeroDivisionError("secret"), "ours": Conflict("as it says"), "down": Unavailable()}
    raise failures[kind]


@get("/v1/litestar/{status:int}", operation_id="Refuse", opt=PUBLIC)
async def refuse(status: FromPath[int]) -> None:
    raise HTTPException(detail="as litestar says", status_code=status) from ValueError("the real reason")


@post("/v1/notes", operation_id="WriteNote", guards=[signed_in])
async def write_note(
    data: JSONBody[Note], idempotency: NamedDependency[IdempotencyKey | None], database: NamedDependency[Database]
) -> dict[str, str]:
    async with database.work(idempotency) as work:
        note = {"id": str(new_id()), "text": data.the_text}
        await work.answer(201, note)
    return note


@pytest.fixture
async def app(make_database: MakeDatabase, mint: TokenMint) -> Litestar:
    verifier = TokenVerifier(mint.root_public_key, ISSUER)
    verifier.put_key(mint.event)
    database = await make_database()
    return create_app(
        service="test",
        routes=[me, only_staff, greet, broken, refuse, write_note],
        dependencies={"database": database},
        verifier=verifier,
        health=Health({"postgres": database.check}),
    )


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncClient]:
    async with calling(app) as client:
        yield client


PROBLEMS = [
    ("GET", "/v1/me", 401, "token_invalid"),
    ("GET", "/v1/nowhere", 404, "not_found"),
    ("DELETE", "/v1/me", 405, "method_not_allowed"),
    ("GET", "/v1/greeting?times=many", 400, "validation_failed"),
    ("GET", "/v1/broken/bug", 500, "internal_error"),
    ("GET", "/v1/broken/ours", 409, "conflict"),
    ("GET", "/v1/broken/down", 503, "unavailable"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), PROBLEMS)
async def test_every_error_is_a_problem_with_code_and_request_id(
    client: AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path, headers={"X-Request-Id": "abc"})

    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["content-type"].startswith("application/problem+json")
    assert problem["requestId"] == "abc" == response.headers["x-request-id"]
    assert {"type", "title", "detail", "errors"} <= set(problem)
    assert "secret" not in response.text


async def test_titles_follow_the_readers_language(client: AsyncClient) -> None:
    response = await client.get("/v1/me", headers={"Accept-Language": "ar-EG,ar;q=0.9"})

    assert response.json()["title"] == "يلزم تسجيل الدخول"


async def test_titles_are_the_same_whoever_found_the_error(client: AsyncClient, mint: TokenMint) -> None:
    arabic = {**mint.headers(new_id()), "Accept-Language": "ar", "Content-Type": "application/json"}
    asked: list[tuple[str, str, bytes, str]] = [
        ("POST", "/v1/notes", b"{", BadRequest.title_ar),
        ("POST", "/v1/notes", b"x" * 2_000_000, PayloadTooLarge.title_ar),
        ("GET", "/v1/nowhere", b"", NotFound.title_ar),
        ("DELETE", "/v1/notes", b"", "طريقة غير مسموحة"),
    ]

    for method, path, body, title in asked:
        assert (await client.request(method, path, content=body, headers=arabic)).json()["title"] == title


WRONG_BODIES = [
    ({"theText": 5}, "theText"),
    ({}, "theText"),
    ({"theText": "hello", "teh": 1}, "teh"),
    ([], ""),
]


@pytest.mark.parametrize(("body", "field"), WRONG_BODIES)
async def test_a_field_that_is_wrong_missing_or_unknown_is_named_as_the_client_knows_it(
    client: AsyncClient, mint: TokenMint, body: Any, field: str
) -> None:
    answer = await client.post("/v1/notes", json=body, headers=mint.headers(new_id()))

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert all(error["message"] for error in answer.json()["errors"])


LITESTARS_OWN = {
    400: "bad_request",
    401: "token_invalid",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "unprocessable",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


@pytest.mark.parametrize(("status", "code"), LITESTARS_OWN.items())
async def test_whatever_litestar_refuses_has_a_code_and_a_title_in_both_languages(
    client: AsyncClient, status: int, code: str
) -> None:
    english = (await client.get(f"/v1/litestar/{status}")).json()
    arabic = (await client.get(f"/v1/litestar/{status}", headers={"Accept-Language": "fr, ar;q=0.9"})).json()

    assert (english["status"], english["code"], arabic["code"]) == (status, code, code)
    assert english["title"].isascii()
    assert not any(letter.isascii() and letter.isalpha() for letter in arabic["title"])


async def test_a_fault_that_litestar_wraps_is_logged_with_its_cause_and_shown_to_nobody(client: AsyncClient) -> None:
    with capture_logs() as logs:
        response = await client.get("/v1/litestar/500")

    assert "the real reason" not in response.text
    assert [log for log in logs if log["event"] == "unhandled_error" and "the real reason" in log["error"]]


async def test_the_line_of_a_request_has_the_code_that_its_user_was_shown(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="daira.http")

    shown = (await client.get("/v1/broken/ours")).json()["code"]
    await client.get("/livez")

    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [line["code"] for line in lines if line["event"] == "request"] == [shown]


async def test_a_field_that_does_not_validate_is_named(client: AsyncClient, mint: TokenMint) -> None:
    response = await client.post("/v1/notes", json={"theText": 7}, headers=mint.headers(new_id()))

    assert response.json()["errors"][0]["field"] == "theText"


@pytest.mark.parametrize(
    "body", [b'{"theText": "\xff\xfe"}', b'{"theText":' + b"[" * 100_000, b'{"theText": "x', b"\0"]
)
async def test_a_body_that_is_no_json_is_the_clients_mistake(body: bytes, client: AsyncClient, mint: TokenMint) -> None:
    headers = {**mint.headers(new_id()), "Content-Type": "application/json"}

    response = await client.post("/v1/notes", content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("", 415),
        (None, 415),
    ],
)
async def test_json_is_taken_only_from_who_says_that_it_is_json(
    kind: str | None, status: int, client: AsyncClient, mint: TokenMint
) -> None:
    headers = mint.headers(new_id()) | ({} if kind is None else {"Content-Type": kind})

    answer = await client.post("/v1/notes", content=b'{"theText": "salam"}', headers=headers)

    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type"


async def test_a_body_that_is_too_large_is_413(client: AsyncClient, mint: TokenMint) -> None:
    response = await client.post("/v1/notes", json={"theText": "x" * 2_000_000}, headers=mint.headers(new_id()))

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


async def test_a_bad_token_is_refused_where_none_is_needed(client: AsyncClient) -> None:
    assert (await client.get("/v1/greeting")).json()["known"] is False
    assert (await client.get("/v1/greeting", headers={"Authorization": "Bearer nonsense"})).status_code == 401


async def test_staff_routes_need_the_role(client: AsyncClient, mint: TokenMint) -> None:
    assert (await client.get("/v1/staff", headers=mint.headers(new_id()))).status_code == 403
    assert (await client.get("/v1/staff", headers=mint.headers(new_id(), roles=["staff"]))).status_code == 200


async def test_a_repeated_post_gives_the_first_answer(client: AsyncClient, mint: TokenMint) -> None:
    headers = {**mint.headers(new_id()), "Idempotency-Key": "once"}

    first = await client.post("/v1/notes", json={"theText": "salam"}, headers=headers)
    second = await client.post("/v1/notes", json={"theText": "salam"}, headers=headers)
    other = await client.post("/v1/notes", json={"theText": "bye"}, headers=headers)

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert other.json()["code"] == "idempotency_mismatch"


async def test_two_people_may_choose_the_same_key(client: AsyncClient, mint: TokenMint) -> None:
    answers = [
        await client.post(
            "/v1/notes", json={"theText": "mine"}, headers={**mint.headers(new_id()), "Idempotency-Key": "same"}
        )
        for _ in range(2)
    ]

    assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_a_draining_process_is_not_ready_but_alive(app: Litestar, client: AsyncClient) -> None:
    assert (await client.get("/readyz")).json()["dependencies"][0]["name"] == "postgres"

    app.state.health.draining = True

    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/livez")).status_code == 200


async def test_the_last_error_of_a_dependency_stays_to_be_read_when_it_is_well_again() -> None:
    broken = ["first", "second"]

    async def check() -> None:
        if broken:
            raise ConnectionError(broken.pop(0))

    async def well() -> None:
        return

    health = Health({"store": check}, {"cache": well})
    looks = [await health.look() for _ in range(3)]
    (first, _), (second, _), (recovered, cache) = looks

    assert (first.ok, first.error, first.last_error) == (False, "first", "first")
    assert (second.ok, second.error, second.last_error) == (False, "second", "second")
    assert (recovered.ok, recovered.error, recovered.last_error) == (True, None, "second")
    assert recovered.last_error_at == second.last_error_at is not None
    assert (cache.ok, cache.last_error, cache.last_error_at) == (True, None, None)


async def test_every_operation_of_the_document_declares_the_problem_type(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert "application/problem+json" in operation["responses"]["500"]["content"], (path, method)


async def test_the_document_asks_for_a_token_only_where_one_is_needed(client: AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert paths["/v1/me"]["get"]["security"] == [{"bearer": []}]
    assert "security" not in paths["/v1/broken/{kind}"]["get"]
