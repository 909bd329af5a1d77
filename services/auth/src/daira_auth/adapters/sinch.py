"""Sinch Verification: flash calls. Requests are signed with the application secret ("application signing")."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import md5, sha256
from urllib.parse import quote

import httpx
import msgspec

from daira_auth.adapters.http import exchange

CONTENT_TYPE = "application/json; charset=UTF-8"
PATH = "/verification/v1/verifications"
DIAL_SECONDS = 20


class Started(msgspec.Struct):
    """The part of Sinch's answer to a start that is used."""

    id: str


class Reported(msgspec.Struct):
    """The part of Sinch's answer to a report that is used: SUCCESSFUL, or FAIL, DENIED, ABORTED, ERROR, PENDING."""

    status: str


class SinchFlashCalls:
    """Starts a flash call and has Sinch compare the caller id that the handset saw."""

    def __init__(
        self, client: httpx.AsyncClient, key: str, secret: str, base_url: str, clock: Callable[[], datetime]
    ) -> None:
        """`secret` is the application secret in base64, as the dashboard shows it."""
        self._client, self._key, self._secret = client, key, b64decode(secret)
        self._base_url, self._clock = base_url.rstrip("/"), clock

    async def call(self, phone: str, reference: str) -> str:
        """Start ringing. Raises ChannelFailed."""
        body = {
            "identity": {"type": "number", "endpoint": phone},
            "method": "flashCall",
            "reference": reference,
            "flashCallOptions": {"dialTimeout": DIAL_SECONDS},
        }
        answer = await exchange(self._client, self._signed("POST", PATH, body), Started)
        return answer.id

    async def confirm(self, provider_ref: str, caller: str) -> bool:
        """Report the caller id; only Sinch's own SUCCESSFUL counts. Raises ChannelFailed."""
        path = f"{PATH}/id/{quote(provider_ref, safe='')}"
        body = {"method": "flashCall", "flashCall": {"cli": caller}}
        answer = await exchange(self._client, self._signed("PUT", path, body), Reported)
        return answer.status.upper() == "SUCCESSFUL"

    def _signed(self, method: str, path: str, body: object) -> httpx.Request:
        content = msgspec.json.encode(body)
        stamp = self._clock().isoformat()
        digest = b64encode(md5(content, usedforsecurity=False).digest()).decode()
        text = "\n".join((method, digest, CONTENT_TYPE, f"x-timestamp:{stamp}", path))
        signature = b64encode(hmac.new(self._secret, text.encode(), sha256).digest()).decode()
        headers = {
            "Authorization": f"Application {self._key}:{signature}",
            "Content-Type": CONTENT_TYPE,
            "x-timestamp": stamp,
        }
        return self._client.build_request(method, self._base_url + path, content=content, headers=headers)
