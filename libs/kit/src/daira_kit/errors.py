"""Errors with a stable code. Each class's docstring is the default detail a client reads."""

from typing import Any, ClassVar


class DairaError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    title_ar: ClassVar[str] = "خطأ داخلي"

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
        **members: Any,
    ) -> None:
        """`headers` are added to the HTTP answer, `errors` name fields, `members` are extra problem members."""
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.headers = headers or {}
        self.errors = errors or []
        self.members = members
        super().__init__(self.detail)


class BadRequest(DairaError):
    """The request is malformed."""

    status = 400
    code = "bad_request"
    title = "Bad request"
    title_ar = "طلب غير صالح"


class ValidationFailed(BadRequest):
    """Some fields are not valid."""

    code = "validation_failed"
    title = "Validation failed"
    title_ar = "بيانات غير صالحة"


class Unauthorized(DairaError):
    """A valid access token is needed."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"
    title_ar = "يلزم تسجيل الدخول"


class Forbidden(DairaError):
    """You may not do this."""

    status = 403
    code = "forbidden"
    title = "Forbidden"
    title_ar = "غير مسموح"


class NotFound(DairaError):
    """There is nothing here."""

    status = 404
    code = "not_found"
    title = "Not found"
    title_ar = "غير موجود"


class NotYetVisible(NotFound):
    """This was made a moment ago and is not known here yet. Try again in a second."""

    code = "not_yet_visible"
    title = "Not yet visible"
    title_ar = "لم يظهر بعد"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class Conflict(DairaError):
    """The request does not fit the present state."""

    status = 409
    code = "conflict"
    title = "Conflict"
    title_ar = "تعارض"


class Gone(DairaError):
    """This existed once and is gone."""

    status = 410
    code = "gone"
    title = "Gone"
    title_ar = "لم يعد موجودًا"


class PreconditionFailed(DairaError):
    """A precondition of the request does not hold."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"
    title_ar = "شرط غير متحقق"


class PayloadTooLarge(DairaError):
    """The request body is too large."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"
    title_ar = "حجم الطلب كبير جدًا"


class UnsupportedMediaType(DairaError):
    """This type of content is not accepted here."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"
    title_ar = "نوع غير مدعوم"


class Unprocessable(DairaError):
    """The request is well formed but cannot be carried out."""

    status = 422
    code = "unprocessable"
    title = "Unprocessable"
    title_ar = "لا يمكن تنفيذ الطلب"


class Locked(DairaError):
    """Somebody else is writing to this right now."""

    status = 423
    code = "locked"
    title = "Locked"
    title_ar = "مقفل"


class TooManyRequests(DairaError):
    """Too many requests. Slow down."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"
    title_ar = "طلبات كثيرة جدًا"


class Unavailable(DairaError):
    """Something we depend on is down. Try again shortly."""

    status = 503
    code = "unavailable"
    title = "Unavailable"
    title_ar = "الخدمة غير متاحة"

    def __init__(self, detail: str | None = None, *, retry_after: int = 2, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **members)
