"""Every error leaves as application/problem+json (RFC 9457) with a stable code; nothing internal is shown."""

from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from daira_kit.errors import (
    BadRequest,
    DairaError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from daira_observe.logs import get_logger
from daira_stores.idempotency import Replayed
from daira_stores.transient import is_transient

logger = get_logger(__name__)
PROBLEM_JSON = "application/problem+json"
_CODES = {
    400: "bad_request",
    401: "token_invalid",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
}
_KNOWN = (BadRequest, Unauthorized, Forbidden, NotFound, PayloadTooLarge, UnsupportedMediaType, DairaError)
_TITLES = {
    405: ("Method not allowed", "طريقة غير مسموحة"),
    **{error.status: (error.title, error.title_ar) for error in _KNOWN},
}


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One field and what is wrong with it."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of every error."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] = []


def on_daira_error(request: Request[Any, Any, Any], error: DairaError) -> Response[Any]:
    """Our own errors, as they say."""
    if error.status >= 500:
        logger.warning("request_failed", code=error.code, error=repr(error.__cause__ or error))
    title = error.title_ar if _wants_arabic(request) else error.title
    return _answer(request, error.status, error.code, title, error.detail, error.headers, error.errors, error.members)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Litestar's: unknown path, wrong method, body that does not decode, fields that do not validate."""
    if isinstance(error, ValidationException):
        return on_daira_error(request, ValidationFailed(errors=_fields(error)))
    status = error.status_code
    code = _CODES.get(status, "http_error" if status < 500 else "internal_error")
    phrase = HTTPStatus(status).phrase
    title = _TITLES.get(status, (phrase, phrase))[_wants_arabic(request)]
    detail = error.detail if status < 500 else "Something went wrong on our side."
    return _answer(request, status, code, title, detail, dict(error.headers or {}), [], {})


def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Everything else: a dependency that is down is 503, the rest is our fault and logged with its stack."""
    if is_transient(error):
        return on_daira_error(request, _unavailable(error))
    logger.error("unhandled_error", error=repr(error), exc_info=error)
    return on_daira_error(request, DairaError())


def on_replayed(_request: Request[Any, Any, Any], answer: Replayed) -> Response[bytes]:
    """The stored answer of the first request with this Idempotency-Key."""
    return Response(
        answer.body, status_code=answer.status, media_type="application/json", headers={"Idempotent-Replayed": "true"}
    )


def _unavailable(error: Exception) -> DairaError:
    from daira_kit.errors import Unavailable

    problem = Unavailable()
    problem.__cause__ = error
    return problem


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: dict[str, str],
    errors: list[dict[str, str]],
    members: dict[str, Any],
) -> Response[Any]:
    body = {
        "type": f"https://daira.app/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "requestId": structlog.contextvars.get_contextvars().get("request_id", ""),
        "errors": errors,
        **members,
    }
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **headers}
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def _fields(error: ValidationException) -> list[dict[str, str]]:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [
        {"field": str(item.get("key", "")), "message": str(item.get("message", ""))}
        for item in extra
        if isinstance(item, dict)
    ]
    return fields or [{"field": "", "message": str(error.detail)[:500]}]


def _wants_arabic(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("accept-language", "").strip().lower().startswith("ar")
