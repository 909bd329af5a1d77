"""Sinch Verification: flash calls. Requests and callbacks are signed with the application secret alike."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import md5, sha256
from typing import NamedTuple
from urllib.parse import quote

import httpx
import msgspec

from daira_auth.adapters.http import exchange
from daira_auth.errors import SignatureInvalid

CONTENT_TYPE = "application/json; charset=UTF-8"
PATH = "/verification/v1/verifications"
DIAL_SECONDS = 20
OLDEST_CALLBACK = timedelta(minutes=5)
UNREACHED = frozenset(
    {
        "network error or number unreachable",
        "network error or unreachable",
        "destination denied",
        "not enough credit",
        "internal error",
        "failed pending",
        "invalid callback",
    }
)
"""Reasons that say nothing about the person: a wrong number reported, fraud or a block are no reason to try again."""


class Started(msgspec.Struct):
    """The part of Sinch's answer to a start that is used."""

    id: str


class Reported(msgspec.Struct):
    """The part of Sinch's answer to a report that is used: SUCCESSFUL, or FAIL, DENIED, ABORTED, ERROR, PENDING."""

    status: str


class Signed(NamedTuple):
    """What a signature is about. `stamp` is the x-timestamp header, ISO 8601."""

    method: str
    path: str
    content_type: str
    stamp: str
    body: bytes


def sign(secret: bytes, signed: Signed) -> str:
    """Base64 of HMAC-SHA256 over method, MD5 of the body, content type, time and path, by line feed."""
    digest = b64encode(md5(signed.body, usedforsecurity=False).digest()).decode()
    text = "\n".join((signed.method, digest, signed.content_type, f"x-timestamp:{signed.stamp}", signed.path))
    return b64encode(hmac.new(secret, text.encode(), sha256).digest()).decode()


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
        signature = sign(self._secret, Signed(method, path, CONTENT_TYPE, stamp, content))
        headers = {
            "Authorization": f"Application {self._key}:{signature}",
            "Content-Type": CONTENT_TYPE,
            "x-timestamp": stamp,
        }
        return self._client.build_request(method, self._base_url + path, content=content, headers=headers)


class Callback(msgspec.Struct):
    """The part of an event that is used."""

    event: str
    id: str = ""
    status: str = ""
    reason: str = ""


class SinchCallbacks:
    """What Sinch tells about calls; without a configured secret nothing is believed."""

    def __init__(self, key: str, secret: str, clock: Callable[[], datetime]) -> None:
        self._key, self._secret, self._clock = key, b64decode(secret), clock

    def unreached(self, authorization: str, signed: Signed) -> str | None:
        """The id of a call that did not reach its phone; None for other news.

        Raises SignatureInvalid for what Sinch did not sign within the last minutes.
        """
        self._check(authorization, signed)
        try:
            callback = msgspec.json.decode(signed.body, type=Callback)
        except msgspec.DecodeError:
            return None  # signed, but nothing we know
        if callback.event != "VerificationResultEvent":
            return None
        failed = callback.status.upper() == "ERROR" or callback.reason.lower() in UNREACHED
        return callback.id if failed and callback.status.upper() != "SUCCESSFUL" else None

    def _check(self, authorization: str, signed: Signed) -> None:
        expected = f"application {self._key}:{sign(self._secret, signed)}"
        scheme, _, rest = authorization.partition(" ")
        given = f"{scheme.lower()} {rest}"
        if not self._secret or not hmac.compare_digest(given.encode(), expected.encode()):
            raise SignatureInvalid
        try:
            age = self._clock() - datetime.fromisoformat(signed.stamp)
        except (ValueError, TypeError) as error:
            raise SignatureInvalid from error
        if abs(age) > OLDEST_CALLBACK:
            raise SignatureInvalid
