"""Logging in by phone number, with the code read from the development sandbox."""

import time

import httpx

from daira_devtools.demo.client import DemoFailed, Phone, describe

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
NOT_YET = (404, 429, 503)


def log_in(phone: Phone, number: str) -> str:
    """Verify `number` and sign `phone` in; returns the channel that carried the code."""
    device = {"id": f"demo-{number}", "platform": "android", "canReadCallerId": True}
    challenge = phone.post("/v1/auth/login", {"phoneNumber": number, "device": device})
    messages = phone.get("/v1/sandbox/messages", phoneNumber=number)["items"]
    if not messages:
        raise DemoFailed(f"the sandbox holds no message for {number}")
    answer = phone.post("/v1/auth/verify", {"sessionId": challenge["sessionId"], "code": messages[-1]["code"]})
    phone.sign_in(answer["accessToken"], answer["userId"])
    return str(challenge["method"])


def introduce(phone: Phone, handle: str, display_name: str) -> None:
    """Give the account its handle and name; waits until the user service knows the account."""
    body = {"handle": handle, "displayName": display_name}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (response := phone.ask("PATCH", "/v1/users/me", json=body)).is_error:
        if response.status_code not in NOT_YET or time.monotonic() > deadline:
            raise DemoFailed(describe(response))
        time.sleep(pause_after(response))


def pause_after(response: httpx.Response) -> float:
    """Seconds to wait before the request is repeated: what Retry-After asks for, within reason."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE_SECONDS) if asked.isdecimal() else PAUSE_SECONDS
