"""One request and one answer of each kind, as the API document shows it."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from daira_auth.schemas import (
    DeviceBody,
    ErasureAnswer,
    Jwk,
    Jwks,
    LoginAnswer,
    LoginBody,
    RefreshBody,
    SessionAnswer,
    TokenAnswer,
    VerifyBody,
)
from daira_web.answers import example

_TOKENS: Final = {
    "accessToken": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI…",
    "refreshToken": "0199a6a4b3e37cf0a6d1c2f0b7e4d9aa.Yx3w…",
    "tokenType": "Bearer",
    "expiresIn": 900,
    "userId": "0199a6a4-b3e3-7cf0-8a6d-1c2f0b7e4d9a",
    "isNewUser": True,
}
LOGGING_IN: Final = example(
    200,
    LoginAnswer,
    {
        "sessionId": "0199a6a4-9d10-7b7c-9f3e-5a2b8c1d4e6f",
        "method": "WHATSAPP_OTP",
        "message": "أرسلنا لك رمزًا على واتساب",
        "expiresAt": "2026-10-02T18:05:00Z",
        "resendAfter": 30,
    },
    "A call or a message is on its way",
)
LOGGED_IN: Final = example(200, TokenAnswer, _TOKENS, "Signed in")
REFRESHED: Final = example(200, TokenAnswer, {**_TOKENS, "isNewUser": False}, "A new pair; the old one is used up")
EXAMPLES: Final = (
    LoginBody(phone_number="+201000000102", device=DeviceBody(id="pixel-8-4f2a", platform="android 15")),
    VerifyBody(session_id=UUID("0199a6a4-9d10-7b7c-9f3e-5a2b8c1d4e6f"), code="482913"),
    RefreshBody(refresh_token=str(_TOKENS["refreshToken"]), device_id="pixel-8-4f2a"),
    SessionAnswer(
        id=UUID("0199a6a4-9d10-7b7c-9f3e-5a2b8c1d4e6f"),
        device_id="pixel-8-4f2a",
        platform="android 15",
        created_at=datetime(2026, 10, 2, 18, 1, 12, tzinfo=UTC),
        last_used_at=datetime(2026, 10, 5, 9, 30, tzinfo=UTC),
        is_current=True,
    ),
    ErasureAnswer(state="SCHEDULED", erases_at=datetime(2026, 10, 19, 9, 30, tzinfo=UTC)),
    Jwks(
        keys=[
            Jwk(
                kty="EC",
                crv="P-256",
                x="f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                y="x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                kid="2026-10",
                use="sig",
                alg="ES256",
            )
        ]
    ),
)
"""Shown wherever one of these is taken or answered."""
