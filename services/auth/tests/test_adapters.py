"""The real adapters against a local server that answers in the recorded shapes of the providers."""

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import md5, sha256

import httpx
import pytest

from daira_auth.adapters.sinch import CONTENT_TYPE, SinchFlashCalls
from daira_auth.adapters.sms import SmsCodes
from daira_auth.adapters.whatsapp import WhatsAppCodes
from daira_auth.errors import ChannelFailed

PHONE = "+201001234567"
SECRET = b64encode(b"application secret").decode()
STARTED = {
    "id": "1234567890",
    "method": "flashCall",
    "flashCall": {"cliFilter": "(.*)8915(.*)", "interceptionTimeout": 60},
    "_links": [{"rel": "status", "href": "http://x/verification/v1/verifications/id/1234567890", "method": "GET"}],
}
SENT = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "201001234567", "wa_id": "201001234567"}],
    "messages": [{"id": "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1", "message_status": "accepted"}],
}
BATCH = {"id": "01FC66621XXXXX119Z8PMV1QPQ", "to": ["201001234567"], "from": "DAIRA", "canceled": False}


class Provider:
    """Answers every request with `status` and `body`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.is_silent = False

    def answer(self, body: object, status: int = 200) -> None:
        self.status, self.body = status, json.dumps(body).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((method, path, headers, body))
        if not self.is_silent:
            extra = "Location: http://127.0.0.1:1/\r\n" if self.status == 302 else ""
            writer.write(
                f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\n{extra}\r\n".encode() + self.body
            )
            await writer.drain()
            writer.close()


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, str]]:
    fake = Provider()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    yield fake, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=0.5) as client:
        yield client


def sinch(http: httpx.AsyncClient, url: str) -> SinchFlashCalls:
    return SinchFlashCalls(http, "app-key", SECRET, url, lambda: datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_flash_call_is_asked_for_in_the_shape_sinch_wants_and_is_signed(
    provider: tuple[Provider, str], http: httpx.AsyncClient
) -> None:
    fake, url = provider
    fake.answer(STARTED)

    assert await sinch(http, url).call(PHONE, "challenge") == "1234567890"

    method, path, headers, body = fake.requests[0]
    assert (method, path) == ("POST", "/verification/v1/verifications")
    assert json.loads(body) == {
        "identity": {"type": "number", "endpoint": PHONE},
        "method": "flashCall",
        "reference": "challenge",
        "flashCallOptions": {"dialTimeout": 20},
    }
    text = "\n".join(
        ("POST", b64encode(md5(body).digest()).decode(), CONTENT_TYPE, f"x-timestamp:{headers['x-timestamp']}", path)
    )
    expected = b64encode(hmac.new(b64decode(SECRET), text.encode(), sha256).digest()).decode()
    assert headers["authorization"] == f"Application app-key:{expected}"


@pytest.mark.parametrize(
    ("status", "confirmed"), [("SUCCESSFUL", True), ("FAIL", False), ("PENDING", False), ("DENIED", False)]
)
async def test_only_sinchs_own_success_confirms_the_caller(
    provider: tuple[Provider, str], http: httpx.AsyncClient, status: str, confirmed: bool
) -> None:
    fake, url = provider
    fake.answer({"id": "1", "method": "flashcall", "status": status, "reason": "Fraud"})

    assert await sinch(http, url).confirm("a/../b", "+20220000000") is confirmed

    method, path, _, body = fake.requests[0]
    assert (method, path) == ("PUT", "/verification/v1/verifications/id/a%2F..%2Fb")
    assert json.loads(body) == {"method": "flashCall", "flashCall": {"cli": "+20220000000"}}


async def test_whatsapp_gets_a_template_with_the_code_in_text_and_button(
    provider: tuple[Provider, str], http: httpx.AsyncClient
) -> None:
    fake, url = provider
    fake.answer(SENT)

    sender = WhatsAppCodes(http, "token", "1055", "daira_login", f"{url}/v21.0")
    assert (await sender.send(PHONE, "123456", "ar-EG")).startswith("wamid.")

    _, path, headers, body = fake.requests[0]
    message = json.loads(body)
    assert path == "/v21.0/1055/messages"
    assert headers["authorization"] == "Bearer token"
    assert (message["type"], message["to"]) == ("template", "201001234567")
    assert message["template"]["language"] == {"code": "ar"}
    assert message["template"]["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "123456"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "123456"}]},
    ]


async def test_an_sms_is_one_segment_and_names_the_service(
    provider: tuple[Provider, str], http: httpx.AsyncClient
) -> None:
    fake, url = provider
    fake.answer(BATCH, 201)

    sender = SmsCodes(http, "token", "plan", "DAIRA", url)
    assert await sender.send(PHONE, "123456", "ar") == BATCH["id"]

    _, path, _, body = fake.requests[0]
    assert path == "/xms/v1/plan/batches"
    text = json.loads(body)["body"]
    assert "123456" in text
    assert len(text) <= 70


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "Invalid OAuth access token", "code": 190}}, 401),
        ({"error": {"message": "to 201001234567 failed"}}, 500),
        ({}, 302),
        ({"messages": []}, 200),
        ({"messages": "yes"}, 200),
        ([1], 200),
        ({"messages": [{"id": "x" * 70_000}]}, 200),
    ],
    ids=["unauthorised", "server error", "redirect", "none accepted", "wrong type", "wrong shape", "huge"],
)
async def test_a_strange_answer_is_a_failed_channel_and_leaks_nothing(
    provider: tuple[Provider, str], http: httpx.AsyncClient, body: object, status: int
) -> None:
    fake, url = provider
    fake.answer(body, status)

    with pytest.raises(ChannelFailed) as failed:
        await WhatsAppCodes(http, "token", "1", "t", url).send(PHONE, "123456", "ar")

    assert "201001234567" not in failed.value.detail
    assert len(fake.requests) == 1


async def test_a_silent_provider_is_given_up(provider: tuple[Provider, str], http: httpx.AsyncClient) -> None:
    fake, url = provider
    fake.is_silent = True

    with pytest.raises(ChannelFailed):
        await sinch(http, url).call(PHONE, "challenge")


async def test_a_provider_that_is_down_is_a_failed_channel(http: httpx.AsyncClient) -> None:
    with pytest.raises(ChannelFailed):
        await sinch(http, "http://127.0.0.1:1").call(PHONE, "challenge")
