"""What clients send and read."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

DeviceId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A request body: an unknown field is a mistake of the client."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A response body."""


class DeviceBody(Body, frozen=True, kw_only=True):
    """`canReadCallerId` is true on Android with the call-log permission, false elsewhere."""

    id: DeviceId | None = None
    platform: Annotated[str, Meta(max_length=32, pattern=r"^[ -~]*$")] | None = None
    can_read_caller_id: bool = False


class LoginBody(Body, frozen=True, kw_only=True):
    """`phoneNumber` in any usual spelling; without a country code it is Egyptian."""

    phone_number: Annotated[str, Meta(min_length=1, max_length=64)]
    device: DeviceBody = DeviceBody()


class LoginAnswer(Answer, frozen=True, kw_only=True):
    """`resendAfter` is in seconds from now: then the fallback may be asked for."""

    session_id: UUID
    method: str
    message: str
    expires_at: datetime
    resend_after: int


class VerifyBody(Body, frozen=True, kw_only=True):
    """`code` is the one-time code or, after a flash call, the number that rang."""

    session_id: UUID
    code: Annotated[str, Meta(min_length=1, max_length=32)]


class TokenAnswer(Answer, frozen=True, kw_only=True):
    """`expiresIn` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user_id: UUID
    is_new_user: bool


class RefreshBody(Body, frozen=True, kw_only=True):
    """`deviceId`, when given, must be the device that logged in."""

    refresh_token: Annotated[str, Meta(max_length=256)]
    device_id: DeviceId | None = None


class SessionAnswer(Answer, frozen=True, kw_only=True):
    """One device that is logged in."""

    id: UUID
    device_id: str | None
    platform: str | None
    created_at: datetime
    last_used_at: datetime
    is_current: bool


class ErasureAnswer(Answer, frozen=True, kw_only=True):
    """Until `erasesAt` a new log-in takes the wish back."""

    state: str
    erases_at: datetime


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public key (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class Jwks(msgspec.Struct, frozen=True, kw_only=True):
    """All keys that may have signed a living token, and announced ones."""

    keys: list[Jwk]
