from typing import Any

import pytest

from daira_contracts.auth import UserRegisteredV1
from daira_testing.topics import TopicProbe


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions/0190b5a4-0000-7000-8000-000000000000"),
        ("DELETE", "/v1/users/me"),
    ],
)
async def test_anonymous_is_asked_to_log_in(running: Any, method: str, path: str) -> None:
    answer = await running.http.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "token_invalid"


async def test_logging_in_gives_tokens_that_the_service_trusts(running: Any, probe: TopicProbe) -> None:
    asked = await running.phone().ask()
    assert asked.json().keys() == {"sessionId", "method", "message", "expiresAt", "resendAfter"}
    assert asked.json()["method"] == "WHATSAPP_OTP"

    tokens = (await running.phone().verify(asked.json()["sessionId"], running.phone().code())).json()

    assert tokens.keys() == {"accessToken", "refreshToken", "tokenType", "expiresIn", "userId", "isNewUser"}
    assert (tokens["tokenType"], tokens["expiresIn"], tokens["isNewUser"]) == ("Bearer", 900, True)
    await running.trusts(tokens["accessToken"])
    listed = await running.http.get("/v1/auth/sessions", headers=running.bearer(tokens["accessToken"]))
    assert listed.status_code == 200
    assert [item["isCurrent"] for item in listed.json()["items"]] == [True]
    told = await probe.wait_for(UserRegisteredV1, lambda event: str(event.user_id) == tokens["userId"])
    assert told.locale == "ar"
