import asyncio
from functools import partial
from typing import Any

from daira_contracts.auth import SessionRevokedV1, UserRegisteredV1
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


async def test_anonymous_is_asked_to_log_in(running: Any) -> None:
    for method, path in (
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions/0190b5a4-0000-7000-8000-000000000000"),
        ("DELETE", "/v1/users/me"),
    ):
        answer = await running.http.request(method, path)

        assert answer.status_code == 401, path
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


async def test_a_wrong_code_says_how_many_are_left_and_a_spent_log_in_is_gone(running: Any) -> None:
    phone = running.phone()
    session_id = (await phone.ask()).json()["sessionId"]

    for left in (4, 3, 2, 1, 0):
        refused = await phone.verify(session_id, phone.wrong_code())
        assert refused.status_code == 401
        assert (refused.json()["code"], refused.json()["attemptsLeft"]) == ("otp_invalid", left)
    gone = await phone.verify(session_id, phone.code())

    assert (gone.status_code, gone.json()["code"]) == (410, "challenge_spent")


async def test_a_flash_call_falls_back_to_whatsapp_and_sms_on_the_same_session(start: Any) -> None:
    async with start(limits_profile="development") as running:
        phone = running.phone()
        asked = (await phone.ask(id="d", platform="android", canReadCallerId=True)).json()
        assert (asked["method"], asked["resendAfter"]) == ("FLASH_CALL", 2)
        path = f"/v1/auth/login/{asked['sessionId']}/fallback"

        early = await running.http.post(path)
        assert (early.status_code, early.json()["code"]) == (429, "fallback_too_early")
        assert early.headers["retry-after"] in {"1", "2"}

        for method in ("WHATSAPP_OTP", "SMS_OTP"):

            async def next_channel() -> dict[str, Any] | None:
                answer = await running.http.post(path)
                return answer.json() if answer.status_code == 200 else None

            answer = await eventually(next_channel, every=0.2)
            assert answer is not None
            assert (answer["method"], answer["sessionId"]) == (method, asked["sessionId"])
        assert (await phone.verify(asked["sessionId"], phone.code())).status_code == 200


async def test_messages_speak_the_language_of_the_client(running: Any) -> None:
    body = {"phoneNumber": "01001234567"}
    arabic = await running.http.post("/v1/auth/login", json=body)
    english = await running.http.post("/v1/auth/login", json=body, headers={"Accept-Language": "en-GB,ar;q=0.5"})
    refused = await running.http.post(
        "/v1/auth/login", json={"phoneNumber": "16000"}, headers={"Accept-Language": "ar"}
    )

    assert arabic.json()["message"].startswith("أرسلنا رمزًا إلى واتساب.")
    assert english.json()["message"].startswith("We sent a code to your WhatsApp.")
    assert refused.json()["title"] == "رقم هاتف غير صالح"


async def test_fifty_parallel_refreshes_over_http_give_one_pair(running: Any) -> None:
    tokens = await running.phone().log_in(id="phone")

    answers = await asyncio.gather(*(running.phone().refresh(tokens["refreshToken"]) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json().keys() == tokens.keys()


async def test_old_reuse_ends_the_session_and_its_access_tokens_die_within_seconds(
    running: Any, probe: TopicProbe
) -> None:
    phone = running.phone()
    first = await phone.log_in()
    await running.trusts(first["accessToken"])
    second = (await phone.refresh(first["refreshToken"])).json()
    third = (await phone.refresh(second["refreshToken"])).json()

    stolen = await phone.refresh(first["refreshToken"])

    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_reused")
    assert (await phone.refresh(third["refreshToken"])).json()["code"] == "refresh_invalid"
    await probe.wait_for(SessionRevokedV1, lambda event: str(event.user_id) == first["userId"])
    for tokens in (first, second, third):
        assert await eventually(partial(is_dead, running, tokens), within=5)


async def test_logging_out_ends_this_session_only(running: Any) -> None:
    phone = running.phone()
    here, there = await phone.log_in(id="here"), await phone.log_in(id="there")
    await running.trusts(here["accessToken"])

    answer = await running.http.post("/v1/auth/logout", headers=running.bearer(here["accessToken"]))

    assert (answer.status_code, answer.content) == (204, b"")
    assert await eventually(lambda: is_dead(running, here), within=5)
    assert (await phone.refresh(here["refreshToken"])).status_code == 401
    listed = await running.http.get("/v1/auth/sessions", headers=running.bearer(there["accessToken"]))
    assert [item["deviceId"] for item in listed.json()["items"]] == ["there"]


async def test_a_lost_phone_is_logged_out_from_another(running: Any) -> None:
    phone = running.phone()
    lost, mine = await phone.log_in(id="lost", platform="android"), await phone.log_in(id="mine")
    await running.trusts(mine["accessToken"])
    headers = running.bearer(mine["accessToken"])
    items = (await running.http.get("/v1/auth/sessions", headers=headers)).json()["items"]
    assert items[1].keys() == {"id", "deviceId", "platform", "createdAt", "lastUsedAt", "isCurrent"}
    found = next(item for item in items if item["deviceId"] == "lost")

    for _ in range(2):
        assert (await running.http.delete(f"/v1/auth/sessions/{found['id']}", headers=headers)).status_code == 204

    assert await eventually(lambda: is_dead(running, lost), within=5)
    assert (await phone.refresh(lost["refreshToken"])).status_code == 401


async def test_nobody_sees_or_ends_the_sessions_of_others(running: Any) -> None:
    mine = await running.phone("+201001234567").log_in()
    theirs = await running.phone("+201201234567").log_in()
    await running.trusts(mine["accessToken"])
    their_headers, my_headers = running.bearer(theirs["accessToken"]), running.bearer(mine["accessToken"])
    their_id = (await running.http.get("/v1/auth/sessions", headers=their_headers)).json()["items"][0]["id"]

    answer = await running.http.delete(f"/v1/auth/sessions/{their_id}", headers=my_headers)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert len((await running.http.get("/v1/auth/sessions", headers=my_headers)).json()["items"]) == 1
    assert (await running.phone().refresh(theirs["refreshToken"])).status_code == 200


async def test_a_session_cursor_of_somebody_else_is_refused(running: Any) -> None:
    phone, other = running.phone("+201001234567"), running.phone("+201201234567")
    mine = await phone.log_in()
    await phone.log_in()
    theirs = await other.log_in()
    await running.trusts(mine["accessToken"])
    page = await running.http.get("/v1/auth/sessions?limit=1", headers=running.bearer(mine["accessToken"]))
    assert page.json()["hasMore"] is True
    cursor = page.json()["nextCursor"]

    for token, text in ((theirs, cursor), (mine, cursor[:-2] + "AA"), (mine, "x")):
        answer = await running.http.get(
            "/v1/auth/sessions", params={"cursor": text}, headers=running.bearer(token["accessToken"])
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    for limit in ("0", "101", "x"):
        answer = await running.http.get(f"/v1/auth/sessions?limit={limit}", headers=running.bearer(mine["accessToken"]))
        assert answer.status_code == 400


async def test_erasure_needs_a_fresh_code(start: Any) -> None:
    async with start(fresh_minutes=0) as running:
        tokens = await running.phone().log_in()
        await running.trusts(tokens["accessToken"])

        answer = await running.http.delete("/v1/users/me", headers=running.bearer(tokens["accessToken"]))

    assert (answer.status_code, answer.json()["code"]) == (403, "fresh_login_required")


async def test_codes_are_read_from_the_sandbox_in_dev(running: Any) -> None:
    asked = (await running.phone().ask()).json()
    path = "/v1/sandbox/messages?phoneNumber=%2B201001234567"
    assert f"[dev: GET {path}]" in asked["message"]

    answer = await running.http.get(path)

    assert answer.json()["items"][-1].keys() == {"channel", "to", "code", "sentAt"}
    assert (await running.phone().verify(asked["sessionId"], answer.json()["items"][-1]["code"])).status_code == 200


async def test_every_operation_is_documented(running: Any) -> None:
    document = (await running.http.get("/openapi.json")).json()

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert {"/v1/auth/login", "/v1/auth/verify", "/v1/auth/refresh", "/.well-known/jwks.json"} <= document[
        "paths"
    ].keys()
    assert all(operation["operationId"] and operation["summary"] for operation in operations)


async def is_dead(running: Any, tokens: dict[str, Any]) -> bool:
    answer = await running.http.get("/v1/auth/sessions", headers=running.bearer(tokens["accessToken"]))
    return bool(answer.json().get("code") == "session_revoked")
