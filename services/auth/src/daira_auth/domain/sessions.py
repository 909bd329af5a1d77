"""Sessions and refresh tokens: one living chain of tokens for each session, and what a repeated token means."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from uuid import UUID

import msgspec

from daira_auth.errors import RefreshInvalid

TOKEN_PREFIX = "drt_"  # noqa: S105
ID_BYTES = 16
SECRET_BYTES = 32
REPEAT_WINDOW = timedelta(seconds=10)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One log-in of one device; `authenticated_at` is when its code was verified."""

    id: UUID
    user_id: UUID
    device_id: str | None
    platform: str | None
    authenticated_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A stored refresh token. `sealed_answer` can be opened only with this token's own secret."""

    id: UUID
    session_id: UUID
    secret_sha256: bytes
    expires_at: datetime
    used_at: datetime | None = None
    used_by: bytes | None = None
    successor_id: UUID | None = None
    successor_used: bool = False
    sealed_answer: str | None = None


class Presented(msgspec.Struct, frozen=True):
    """A refresh token as a client shows it."""

    id: UUID
    secret: bytes


class Verdict(Enum):
    """ROTATE a living token, REPEAT the answer lost on the way, REVOKE the family of a stolen one."""

    ROTATE = "ROTATE"
    REPEAT = "REPEAT"
    REVOKE = "REVOKE"


def format_token(token: Presented) -> str:
    """The text a client keeps: a public id, which finds the row, and the secret, which proves it."""
    return TOKEN_PREFIX + urlsafe_b64encode(token.id.bytes + token.secret).decode().rstrip("=")


def parse_token(text: str) -> Presented:
    """Raises RefreshInvalid for anything that `format_token` does not make."""
    body = text.removeprefix(TOKEN_PREFIX)
    if body == text or len(body) != (ID_BYTES + SECRET_BYTES) * 4 // 3:
        raise RefreshInvalid
    try:
        raw = urlsafe_b64decode(body)
    except (Base64Error, ValueError) as error:
        raise RefreshInvalid from error
    if len(raw) != ID_BYTES + SECRET_BYTES:
        raise RefreshInvalid
    return Presented(UUID(bytes=raw[:ID_BYTES]), raw[ID_BYTES:])


def secret_hash(secret: bytes) -> bytes:
    """SHA-256 is enough for 256 random bits; a slow hash would add nothing."""
    return sha256(secret).digest()


def proves(stored: RefreshToken, presented: Presented) -> bool:
    """Constant time. A wrong secret must change nothing: the id alone is no proof of theft."""
    return hmac.compare_digest(stored.secret_sha256, secret_hash(presented.secret))


def fingerprint(device_id: str | None, user_agent: str) -> bytes:
    """Who sent a refresh, well enough to tell a retry of one app from a second device."""
    return sha256(f"{device_id or ''}\n{user_agent}".encode()).digest()


def judge(session: Session, token: RefreshToken, sender: bytes, now: datetime) -> Verdict:
    """What a proven token deserves. Raises RefreshInvalid when its session or itself has ended."""
    if session.revoked_at is not None or session.expires_at <= now or token.expires_at <= now:
        raise RefreshInvalid
    if token.used_at is None:
        return Verdict.ROTATE
    is_retry = (
        now - token.used_at <= REPEAT_WINDOW
        and not token.successor_used
        and token.sealed_answer is not None
        and hmac.compare_digest(token.used_by or b"", sender)
    )
    return Verdict.REPEAT if is_retry else Verdict.REVOKE


def device_agrees(session: Session, device_id: str | None) -> bool:
    """A client that names its device must name the one that logged in."""
    return device_id is None or session.device_id is None or device_id == session.device_id
