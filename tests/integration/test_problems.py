"""Whatever a client sends to any operation, the answer is never our fault, and every error is a problem."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daira_devtools.stack import Endpoints, Stack
from daira_kit.settings import environment
from daira_testing.journal import Person, person
from daira_testing.waiting import eventually

EXAMPLES = 200 if environment("SIZE") == "full" else 4
NOT_CALLED = {"DELETE /v1/users/me": "asks for the end of the person: the rest would be said to nobody"}
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
ENDS_SESSIONS = ("/v1/auth/", "/v1/users/me/export")
"""What may end the session it is called with, or is given to a person once a day: each with a person of its own."""

JUNK = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
TUS = {
    "Tus-Resumable": st.just("1.0.0") | JUNK,
    "Upload-Length": st.integers(-1, 2**70).map(str) | JUNK,
    "Upload-Offset": st.just("0") | st.integers(-1, 2**70).map(str) | JUNK,
    "Upload-Metadata": st.just("filename YS5qcGc=,filetype aW1hZ2UvanBlZw==") | JUNK,
    "Upload-Checksum": st.just("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=") | JUNK,
    "Upload-Concat": st.sampled_from(["partial", "final;", "final;/v1/uploads/a /v1/uploads/b"]) | JUNK,
    "Upload-Defer-Length": st.just("1") | JUNK,
    "Content-Type": st.just("application/offset+octet-stream") | JUNK,
    "X-HTTP-Method-Override": st.sampled_from(["PATCH", "DELETE", "HEAD"]) | JUNK,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def token(platform: Endpoints) -> AsyncIterator[str]:
    """Somebody signed in."""
    async with somebody(platform) as person:
        yield str(person.client.headers["Authorization"])


@asynccontextmanager
async def somebody(platform: Endpoints) -> AsyncIterator[Person]:
    async with person(platform.gateway_url, f"+2010{uuid4().int % 10**8:08d}") as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(platform: Endpoints) -> Any:
    """The merged document, as a client generator reads it."""
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        return schemathesis.openapi.from_dict((await client.get("/openapi.json")).json())


@pytest.mark.sized(EXAMPLES)
async def test_no_input_is_our_fault_and_every_error_is_a_problem(api: Any, platform: Endpoints, token: str) -> None:
    # Asynchronous, although its requests are not: a synchronous test would make pytest-asyncio end the session's loop.
    broken: list[str] = []
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.label in NOT_CALLED:
            continue
        try:
            if operation.path.startswith(ENDS_SESSIONS):
                async with somebody(platform) as alone:
                    own = str(alone.client.headers["Authorization"])
                    await asyncio.to_thread(try_operation, operation, platform.gateway_url, own)
            else:
                await asyncio.to_thread(try_operation, operation, platform.gateway_url, token)
        except AssertionError as problem:
            broken.append(f"{operation.label}: {problem}")

    assert not broken, "\n".join(broken)


def try_operation(operation: Any, gateway: str, token: str) -> None:
    """Raises AssertionError with the smallest request that the operation answers badly."""

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        response = case.call(base_url=gateway, headers={"Authorization": token}, timeout=20)
        kind = response.headers.get("content-type", [""])[0]
        answered_well(case.method, response.status_code, kind, response.text)

    holds()


def answered_well(method: str, status: int, kind: str, text: str) -> None:
    assert status < 500, f"{status} {text[:300]}"
    if status < 400 or method == "HEAD":
        return
    assert kind.startswith("application/problem+json"), f"{status} {kind} {text[:300]}"
    problem = json.loads(text)
    assert {"type", "title", "status", "code", "detail", "requestId"} <= set(problem), problem
    assert problem["status"] == status


@pytest.mark.sized(EXAMPLES * 10)
async def test_no_header_and_no_byte_of_an_upload_is_our_fault(platform: Endpoints) -> None:
    async with somebody(platform) as uploader:
        made = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": "filetype aW1hZ2UvanBlZw=="}
        begun = await uploader.insist("POST", "/v1/uploads", headers=made)
        own = {"Authorization": str(uploader.client.headers["Authorization"])}
        paths = ["/v1/uploads", urlsplit(begun.headers["Location"]).path, f"/v1/uploads/{uuid4()}"]
        await asyncio.to_thread(try_uploads, platform.gateway_url, paths, own)


def try_uploads(gateway: str, paths: list[str], own: dict[str, str]) -> None:
    """Raises AssertionError with the smallest request that uploads answer badly."""
    with httpx.Client(base_url=gateway, trust_env=False, timeout=20) as client:

        @settings(max_examples=EXAMPLES * 10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(
            method=st.sampled_from(["POST", "PATCH", "HEAD", "OPTIONS"]),
            path=st.sampled_from(paths),
            headers=st.fixed_dictionaries({}, optional=TUS),
            body=st.binary(max_size=200),
        )
        def holds(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
            answer = client.request(method, path, headers=headers | own, content=body)
            answered_well(method, answer.status_code, answer.headers.get("content-type", ""), answer.text)

        holds()


LARGE = b'{"phoneNumber": "' + b"1" * 2_000_000 + b'"}'
ERRORS = [
    ("GET", "/v1/nowhere", {}, b"", 404),
    ("DELETE", "/v1/feed/circle", {}, b"", 405),
    ("GET", "/v1/feed/circle", {"Authorization": "Bearer forged"}, b"", 401),
    ("GET", "/v1/feed/circle", {}, b"", 401),
    ("POST", "/v1/auth/login", {"Content-Type": "application/json"}, LARGE, 413),
    ("POST", "/v1/auth/login", {"Content-Type": "text/plain"}, b"{}", 415),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), ERRORS)
async def test_an_error_is_a_problem_in_the_readers_language_whoever_found_it(
    method: str, path: str, headers: dict[str, str], body: bytes, status: int, platform: Endpoints
) -> None:
    await refused_in_both_languages(platform, method, path, status, headers=headers, content=body)


async def test_a_service_that_is_down_is_a_problem_too_and_is_back_with_its_process(
    platform: Endpoints, own_stack: Stack
) -> None:
    path = "/media/videos/nothing/master.m3u8"
    await own_stack.stop("video")
    try:
        refused = await refused_in_both_languages(platform, "GET", path, 503)
        assert int(refused.headers["retry-after"]) > 0
    finally:
        await own_stack.start("video")

    async def is_back() -> bool:
        async with speaking_to(platform) as client:
            return (await client.get(path)).status_code == 404

    await eventually(is_back)


async def test_whoever_is_too_fast_reads_how_long_to_wait_in_their_language(platform: Endpoints) -> None:
    async with speaking_to(platform) as client:
        began = await client.post("/v1/auth/login", json={"phoneNumber": f"+2010{uuid4().int % 10**8:08d}"})
    path = f"/v1/auth/login/{began.json()['sessionId']}/fallback"

    refused = await refused_in_both_languages(platform, "POST", path, 429)

    assert int(refused.headers["retry-after"]) > 0


def speaking_to(platform: Endpoints) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False, timeout=20)


async def refused_in_both_languages(
    platform: Endpoints,
    method: str,
    path: str,
    status: int,
    *,
    headers: dict[str, str] | None = None,
    content: bytes = b"",
) -> httpx.Response:
    """The English answer; the Arabic one says the same under another title."""
    async with speaking_to(platform) as client:
        english = await client.request(method, path, headers=headers, content=content)
        in_arabic = {**(headers or {}), "Accept-Language": "ar"}
        arabic = await client.request(method, path, headers=in_arabic, content=content)

    assert english.status_code == arabic.status_code == status
    assert english.headers["content-type"].startswith("application/problem+json")
    assert english.json()["code"] == arabic.json()["code"]
    assert english.json()["requestId"]
    assert english.json()["title"].isascii()
    assert not any(letter.isascii() and letter.isalpha() for letter in arabic.json()["title"])
    return english
