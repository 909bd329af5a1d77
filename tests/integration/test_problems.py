"""Whatever a client sends to any operation, the answer is never our fault, and every error is a problem."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings

from daira_devtools.stack import Endpoints, Stack
from daira_kit.settings import environment
from daira_testing.journal import person
from daira_testing.waiting import eventually

EXAMPLES = 200 if environment("SIZE") == "full" else 4
NOT_FUZZED = ("/v1/auth/", "/v1/uploads", "/v1/users/me/export")
"""Log-in answers 429 to a fuzzer by design, uploads are binary, an export is one a day: they have their own suites."""

NOT_CALLED = ("DELETE /v1/users/me",)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def token(platform: Endpoints) -> AsyncIterator[str]:
    """Somebody signed in."""
    async with person(platform.gateway_url, f"+2010{uuid4().int % 10**8:08d}") as somebody:
        yield str(somebody.client.headers["Authorization"])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(platform: Endpoints) -> Any:
    """The merged document, as a client generator reads it."""
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        document = (await client.get("/openapi.json")).json()
    kept = {path: item for path, item in document["paths"].items() if not path.startswith(NOT_FUZZED)}
    return schemathesis.openapi.from_dict({**document, "paths": kept})


@pytest.mark.sized(EXAMPLES)
async def test_no_input_is_our_fault_and_every_error_is_a_problem(api: Any, platform: Endpoints, token: str) -> None:
    # Asynchronous, although its requests are not: a synchronous test would make pytest-asyncio end the session's loop.
    broken: list[str] = []
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.label in NOT_CALLED:
            continue
        try:
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
        assert response.status_code < 500, f"{response.status_code} {response.text[:300]}"
        if response.status_code >= 400 and case.method != "HEAD":
            kind = response.headers.get("content-type", [""])[0]
            assert kind.startswith("application/problem+json"), f"{response.status_code} {kind} {response.text[:300]}"
            problem = response.json()
            assert {"type", "title", "status", "code", "detail", "requestId"} <= set(problem), problem
            assert problem["status"] == response.status_code

    holds()


LARGE = b'{"phoneNumber": "' + b"1" * 2_000_000 + b'"}'
ERRORS = [
    ("GET", "/v1/nowhere", {}, b"", 404),
    ("DELETE", "/v1/feed/circle", {}, b"", 405),
    ("GET", "/v1/feed/circle", {"Authorization": "Bearer forged"}, b"", 401),
    ("GET", "/v1/feed/circle", {}, b"", 401),
    ("POST", "/v1/auth/login", {"Content-Type": "application/json"}, LARGE, 413),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), ERRORS)
async def test_the_gateways_own_errors_are_problems_in_the_readers_language(
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

    await eventually(is_back, within=30)


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
