"""What providers report: what did not arrive goes over the next channel at once, and only they can say so."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest

from daira_auth.adapters.sinch import CONTENT_TYPE, Signed, sign
from daira_auth.adapters.whatsapp import WhatsAppCallbacks
from daira_auth.domain.challenge import Channel
from daira_auth.domain.limits import Caller
from daira_auth.errors import SignatureInvalid
from daira_kit.clock import now
from daira_testing.waiting import eventually

APP_SECRET, VERIFY_TOKEN, NUMBER_ID = "the app's secret", "chosen by us", "1055"
SINCH_KEY, SINCH_SECRET = "app-key", b64encode(b"application secret").decode()
CONFIGURED = {
    "whatsapp_app_secret": APP_SECRET,
    "whatsapp_verify_token": VERIFY_TOKEN,
    "whatsapp_phone_number_id": NUMBER_ID,
    "sinch_key": SINCH_KEY,
    "sinch_secret": SINCH_SECRET,
}
WHATSAPP, SINCH = "/v1/auth/webhooks/whatsapp", "/v1/auth/webhooks/sinch"


def notice(message_id: str, status: str = "failed", number_id: str = NUMBER_ID) -> bytes:
    told = {
        "id": message_id,
        "status": status,
        "timestamp": "1764000000",
        "recipient_id": "201001234567",
        "errors": [{"code": 131026, "title": "Message undeliverable"}],
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "20100", "phone_number_id": number_id},
        "statuses": [told],
    }
    entry = {"id": "0", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def hub_signature(body: bytes, secret: str = APP_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


async def tell_whatsapp(running: Any, body: bytes, signature: str | None = None) -> httpx.Response:
    headers = {"X-Hub-Signature-256": hub_signature(body) if signature is None else signature}
    answer: httpx.Response = await running.http.post(WHATSAPP, content=body, headers=headers)
    return answer


def result(call_id: str, status: str, reason: str = "") -> bytes:
    event = {"id": call_id, "event": "VerificationResultEvent", "method": "flashCall", "status": status}
    return json.dumps(event | ({"reason": reason} if reason else {})).encode()


async def tell_sinch(running: Any, body: bytes, **changed: Any) -> httpx.Response:
    """Signed right, but for what is `changed`."""
    stamp = changed.get("stamp") or now().isoformat()
    secret = b64decode(changed.get("secret", SINCH_SECRET))
    signature = sign(secret, Signed("POST", changed.get("path", SINCH), CONTENT_TYPE, stamp, body))
    headers = {
        "Authorization": f"{changed.get('scheme', 'Application')} {changed.get('key', SINCH_KEY)}:{signature}",
        "Content-Type": CONTENT_TYPE,
        "x-timestamp": stamp,
    }
    answer: httpx.Response = await running.http.post(SINCH, content=changed.get("sent", body), headers=headers)
    return answer


async def newest_ref(database: Any, challenge_id: Any) -> str:
    async with database.read() as work:
        row = await work.one("SELECT provider_ref FROM challenge WHERE id = %s", (UUID(str(challenge_id)),))
    return str(row["provider_ref"])


def channels(running: Any) -> list[str]:
    return [message.channel for message in running.inbox.read(running.phone().number)]


async def until_sent(running: Any, *expected: str) -> None:
    async def look() -> bool:
        return channels(running) == list(expected)

    await eventually(look)


async def idle(running: Any) -> None:
    async def no_jobs() -> bool:
        async with running.database.read() as work:
            return not await work.all("SELECT 1 FROM job WHERE kind = 'undelivered'")

    await eventually(no_jobs)


@pytest.fixture
async def live(start: Any) -> AsyncIterator[Any]:
    """With the providers' secrets; those who call and message are still the sandbox."""
    async with start(**CONFIGURED) as running:
        yield running


async def test_a_message_that_failed_goes_out_as_sms_at_once_and_its_code_logs_in(live: Any) -> None:
    phone = live.phone()
    session_id = (await phone.ask()).json()["sessionId"]
    first, ref = phone.code(), await newest_ref(live.database, session_id)

    assert (await tell_whatsapp(live, notice(ref))).status_code == 200
    await until_sent(live, "WHATSAPP_OTP", "SMS_OTP")
    await idle(live)

    if first != phone.code():
        assert (await phone.verify(session_id, first)).json()["code"] == "otp_invalid"
    assert (await phone.verify(session_id, phone.code())).status_code == 200


async def test_a_notice_that_is_repeated_or_replayed_sends_nothing_more(live: Any) -> None:
    session_id = (await live.phone().ask()).json()["sessionId"]
    body = notice(await newest_ref(live.database, session_id))
    for _ in range(3):
        assert (await tell_whatsapp(live, body)).status_code == 200
    await until_sent(live, "WHATSAPP_OTP", "SMS_OTP")
    await idle(live)
    assert (await tell_whatsapp(live, body)).status_code == 200
    await idle(live)
    assert channels(live) == ["WHATSAPP_OTP", "SMS_OTP"]


async def test_what_arrived_or_is_not_ours_sends_nothing(live: Any) -> None:
    session_id = (await live.phone().ask()).json()["sessionId"]
    ref = await newest_ref(live.database, session_id)
    for body in (
        notice(ref, "delivered"),
        notice(ref, "read"),
        notice(ref, number_id="another"),
        notice("wamid.of-somebody-else"),
        b'{"entry": [{"changes": [{"field": "messages", "value": {}}]}]}',
        b'{"entry": "x"}',
        b"[]",
        b"not json",
    ):
        assert (await tell_whatsapp(live, body)).status_code == 200, body
    await idle(live)
    assert channels(live) == ["WHATSAPP_OTP"]


async def test_a_forged_notice_is_refused_and_does_nothing(live: Any) -> None:
    session_id = (await live.phone().ask()).json()["sessionId"]
    body = notice(await newest_ref(live.database, session_id))
    right = hub_signature(body)
    for signature in ("", "sha256=", right.removeprefix("sha256="), hub_signature(body, "guess"), right.upper()):
        refused = await tell_whatsapp(live, body, signature)
        assert (refused.status_code, refused.json()["code"]) == (401, "signature_invalid"), signature
    assert (await tell_whatsapp(live, body.replace(b"failed", b"failed "), right)).status_code == 401
    await idle(live)
    assert channels(live) == ["WHATSAPP_OTP"]


async def test_without_secrets_nothing_told_is_believed(running: Any) -> None:
    body = notice("x")
    assert (await tell_whatsapp(running, body, hub_signature(body, ""))).status_code == 401
    assert (await tell_sinch(running, result("x", "ERROR"), key="", secret="")).status_code == 401
    with pytest.raises(SignatureInvalid):
        WhatsAppCallbacks("", "", "").check_handshake("subscribe", "")


async def test_meta_is_answered_when_it_knows_our_token(live: Any) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    answer = await live.http.get(WHATSAPP, params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    for changed in ({"hub.verify_token": "guess"}, {"hub.mode": "unsubscribe"}):
        assert (await live.http.get(WHATSAPP, params=asked | changed)).status_code == 401


async def test_a_call_that_reached_no_phone_is_followed_by_a_message(live: Any) -> None:
    phone = live.phone()
    session_id = (await phone.ask(id="d", platform="android", canReadCallerId=True)).json()["sessionId"]
    ref = await newest_ref(live.database, session_id)
    for _ in range(2):
        told = await tell_sinch(live, result(ref, "FAIL", "Network error or number unreachable"))
        assert told.status_code == 200
    await until_sent(live, "FLASH_CALL", "WHATSAPP_OTP")
    await idle(live)
    assert (await phone.verify(session_id, phone.code())).status_code == 200


async def test_a_wrong_caller_fraud_and_success_are_no_reason_for_another_channel(live: Any) -> None:
    session_id = (await live.phone().ask(id="d", platform="android", canReadCallerId=True)).json()["sessionId"]
    ref = await newest_ref(live.database, session_id)
    for status, reason in (
        ("FAIL", "Invalid CLI"),
        ("DENIED", "Fraud"),
        ("FAIL", "Expired"),
        ("SUCCESSFUL", ""),
        ("PENDING", ""),
    ):
        assert (await tell_sinch(live, result(ref, status, reason))).status_code == 200
    request = json.dumps({"id": ref, "event": "VerificationRequestEvent", "status": "ERROR"}).encode()
    assert (await tell_sinch(live, request)).status_code == 200
    await idle(live)
    assert channels(live) == ["FLASH_CALL"]


async def test_a_forged_or_old_callback_is_refused_and_does_nothing(live: Any) -> None:
    session_id = (await live.phone().ask(id="d", platform="android", canReadCallerId=True)).json()["sessionId"]
    body = result(await newest_ref(live.database, session_id), "ERROR")
    old = (now() - timedelta(minutes=6)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.1234567Z")
    for changed in (
        {"secret": b64encode(b"guess").decode()},
        {"key": "another-app"},
        {"path": "/v1/auth/webhooks/other"},
        {"sent": body.replace(b"ERROR", b"ERROR ")},
        {"scheme": "Bearer"},
        {"stamp": old},
        {"stamp": "yesterday"},
        {"stamp": "2026-01-01T00:00:00"},
    ):
        refused = await tell_sinch(live, body, **changed)
        assert (refused.status_code, refused.json()["code"]) == (401, "signature_invalid"), changed
    await idle(live)
    assert channels(live) == ["FLASH_CALL"]
    fresh = now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.1234567Z")
    assert (await tell_sinch(live, body, stamp=fresh)).status_code == 200
    await until_sent(live, "FLASH_CALL", "WHATSAPP_OTP")


async def test_a_report_that_comes_after_the_clients_own_fallback_changes_nothing(make_bench: Any) -> None:
    bench = await make_bench(**CONFIGURED)
    challenge = await bench.start(can_read_caller_id=True)
    bench.clock.advance(seconds=3)
    await bench.auth.logins.fall_back(challenge.id, Caller(address="41.32.7.9"))

    body = result(challenge.provider_ref, "ERROR")
    signed = Signed("POST", SINCH, CONTENT_TYPE, bench.clock().isoformat(), body)
    await bench.auth.receipts.hear_sinch(f"Application {SINCH_KEY}:{sign(b64decode(SINCH_SECRET), signed)}", signed)
    await bench.auth.logins.send_again(challenge.id, challenge.provider_ref)

    assert await bench.count("job") == 0
    assert [message.channel for message in bench.inbox.read(challenge.phone)] == ["FLASH_CALL", "WHATSAPP_OTP"]


async def test_a_report_that_comes_while_the_client_falls_back_sends_nothing_twice(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await make_bench(**CONFIGURED, limits_profile="development")
    challenge = await bench.start(can_read_caller_id=True)
    bench.clock.advance(seconds=3)
    sender = bench.providers.senders[Channel.WHATSAPP_OTP]
    send = sender.send

    async def overtaken(*message: str) -> str:
        body = result(challenge.provider_ref, "ERROR")
        signed = Signed("POST", SINCH, CONTENT_TYPE, bench.clock().isoformat(), body)
        await bench.auth.receipts.hear_sinch(f"Application {SINCH_KEY}:{sign(b64decode(SINCH_SECRET), signed)}", signed)
        sent: str = await send(*message)
        return sent

    monkeypatch.setattr(sender, "send", overtaken)
    await bench.auth.logins.fall_back(challenge.id, Caller(address="41.32.7.9"))

    assert await bench.count("job") == 0
    assert (await bench.verify(challenge)).is_new_user


async def test_budgets_hold_for_what_is_sent_again_and_the_client_may_still_ask(make_bench: Any) -> None:
    bench = await make_bench(**CONFIGURED, limits="send.number=1/hour")
    challenge = await bench.start()
    await bench.auth.logins.send_again(challenge.id, challenge.provider_ref)
    assert [message.channel for message in bench.inbox.read(challenge.phone)] == [Channel.WHATSAPP_OTP.value]
    assert (await bench.verify(challenge)).is_new_user


async def test_a_challenge_that_was_used_is_not_sent_again(make_bench: Any) -> None:
    bench = await make_bench(**CONFIGURED)
    challenge = await bench.start()
    await bench.verify(challenge)
    body = notice(challenge.provider_ref)
    await bench.auth.receipts.hear_whatsapp(hub_signature(body), body)
    assert await bench.count("job") == 0
    await bench.auth.logins.send_again(challenge.id, challenge.provider_ref)
    assert len(bench.inbox.read(challenge.phone)) == 1
