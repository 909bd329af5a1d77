"""Access tokens (RFC 9068, ES256): what they say and how they are signed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "daira-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105
ALGORITHM = "ES256"


def access_claims(
    *,
    issuer: str,
    user_id: UUID,
    session_id: UUID,
    roles: Sequence[str],
    issued_at: datetime,
    life: timedelta,
) -> dict[str, Any]:
    """`sid` names the session for revocation; `roles` is present for staff only."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(session_id),
        "iat": int(issued_at.timestamp()),
        "exp": int((issued_at + life).timestamp()),
    }
    return claims | ({"roles": list(roles)} if roles else {})


def sign(claims: dict[str, Any], key: ECKey, kid: str) -> str:
    """A compact JWS whose header fixes the algorithm, the type and the key."""
    return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": kid}, claims, key, algorithms=[ALGORITHM])
