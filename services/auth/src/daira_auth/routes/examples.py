"""One answer of each kind, as the API document shows it."""

from typing import Final

from daira_auth.schemas import LoginAnswer, TokenAnswer
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
