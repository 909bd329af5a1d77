"""Whatever a client sends to any operation, the answer is never our fault, and every error is a problem."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings

from daira_devtools.stack import Endpoints
from daira_kit.settings import environment
from daira_testing.journal import person

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
def test_no_input_is_our_fault_and_every_error_is_a_problem(api: Any, platform: Endpoints, token: str) -> None:
    broken: list[str] = []
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.label in NOT_CALLED:
            continue
        try:
            try_operation(operation, platform.gateway_url, token)
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


ERRORS = [
    ("GET", "/v1/nowhere", {}, 404),
    ("DELETE", "/v1/feed/circle", {}, 405),
    ("GET", "/v1/feed/circle", {"Authorization": "Bearer forged"}, 401),
    ("GET", "/v1/feed/circle", {}, 401),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ERRORS)
async def test_the_gateways_own_errors_are_problems_in_the_readers_language(
    method: str, path: str, headers: dict[str, str], status: int, platform: Endpoints
) -> None:
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        english = await client.request(method, path, headers=headers)
        arabic = await client.request(method, path, headers={**headers, "Accept-Language": "ar"})

    assert english.status_code == arabic.status_code == status
    assert english.headers["content-type"].startswith("application/problem+json")
    assert english.json()["code"] == arabic.json()["code"]
    assert english.json()["requestId"]
