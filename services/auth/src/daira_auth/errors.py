"""What auth refuses, each with a stable code; the docstring is what the client reads by default."""

from daira_kit.errors import (
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    ValidationFailed,
)


class PhoneInvalid(ValidationFailed):
    """This is not a mobile number that can receive a call or a message."""

    code = "phone_invalid"
    title = "Invalid phone number"
    title_ar = "رقم هاتف غير صالح"


class CountryNotServed(ValidationFailed):
    """Log-in is not offered in this country yet."""

    code = "country_not_served"
    title = "Country not served"
    title_ar = "البلد غير مدعوم"


class ChallengeNotFound(NotFound):
    """There is no such log-in. Start again."""

    code = "challenge_not_found"


class ChallengeSpent(Gone):
    """This log-in is used up or expired. Start again."""

    code = "challenge_spent"
    title = "Log-in used up"
    title_ar = "انتهت محاولة تسجيل الدخول"


class OtpInvalid(Unauthorized):
    """The code is wrong."""

    code = "otp_invalid"
    title = "Wrong code"
    title_ar = "رمز غير صحيح"

    def __init__(self, attempts_left: int) -> None:
        super().__init__(attemptsLeft=attempts_left)


class FallbackTooEarly(TooManyRequests):
    """Wait for the call or message a little longer before asking for another way."""

    code = "fallback_too_early"

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class ChannelsExhausted(Conflict):
    """Every way of sending a code was tried. Start again."""

    code = "channels_exhausted"


class SendLimitReached(TooManyRequests):
    """Too many log-ins were asked for. Try again later."""

    code = "rate_limited"

    def __init__(self, seconds: int, limit: int) -> None:
        """`limit` of the window that is full; `seconds` until it has room."""
        wait = max(1, seconds)
        rate = f"limit={limit}, remaining=0, reset={wait}"
        super().__init__(headers={"Retry-After": str(wait), "RateLimit": rate})


class ChannelFailed(Unavailable):
    """The code could not be sent. Try again shortly."""

    code = "otp_undeliverable"


class SignatureInvalid(Unauthorized):
    """This does not come from the provider."""

    code = "signature_invalid"


class RefreshInvalid(Unauthorized):
    """This refresh token is not valid. Log in again."""

    code = "refresh_invalid"
    title = "Invalid refresh token"
    title_ar = "انتهت الجلسة"


class RefreshReused(RefreshInvalid):
    """This refresh token was used before, so the session was ended. Log in again."""

    code = "refresh_reused"


class FreshLoginNeeded(Forbidden):
    """For this you must have logged in with a new code within the last minutes."""

    code = "fresh_login_required"
    title = "Fresh log-in required"
    title_ar = "يلزم تسجيل دخول جديد"
