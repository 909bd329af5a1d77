"""Logging in by phone number, with the code read from the development sandbox."""

from daira_devtools.demo.client import DemoFailed, Phone


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
    for _attempt in range(20):
        response = phone.http.patch("/v1/users/me", json=body)
        if response.status_code != 404:
            break
    if response.is_error:
        raise DemoFailed(f"profile of {handle}: {response.status_code} {response.text[:200]}")
