"""Every error leaves as application/problem+json (RFC 9457) with a stable code; nothing internal is shown."""

import re
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
    TooManyRequests,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
    ValidationFailed,
)
from daira_observe.logs import get_logger
from daira_stores.idempotency import Replayed
from daira_stores.transient import is_transient
from daira_web.languages import wants_arabic
from daira_web.tokens import TokenInvalid

logger = get_logger(__name__)
CODE = "problem_code"
"""Where a request's scope holds the code it was answered with, for its log line."""
PROBLEM_JSON = "application/problem+json"
BODY = "data"
_FIELD_IN_MESSAGE = re.compile(r"(?:unknown|required) field `([^`]*)`")


class MethodNotAllowed(DairaError):
    """This path does not answer this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"
    title_ar = "طريقة غير مسموحة"


class NotAcceptable(DairaError):
    """There is no answer in the form that was asked for."""

    status = 406
    code = "not_acceptable"
    title = "Not acceptable"
    title_ar = "صيغة غير متاحة"


_KNOWN: dict[int, type[DairaError]] = {
    error.status: error
    for error in (
        BadRequest,
        TokenInvalid,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        NotAcceptable,
        PayloadTooLarge,
        UnsupportedMediaType,
        Unprocessable,
        TooManyRequests,
        DairaError,
        Unavailable,
    )
}
"""Litestar's own errors look like ours: one title and code for one status, whoever found the error."""


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
    title = _title(request, type(error))
    return _answer(request, error.status, error.code, title, error.detail, error.headers, error.errors, error.members)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Litestar's: unknown path, wrong method, body that does not decode, fields that do not validate."""
    if isinstance(error, ValidationException):
        return on_daira_error(request, ValidationFailed(errors=_fields(error)))
    status = error.status_code
    if status >= 500:
        logger.error("unhandled_error", error=repr(error.__cause__ or error), exc_info=error)
    known = _KNOWN.get(status) or (BadRequest if status < 500 else DairaError)
    code = known.code if status in _KNOWN or status >= 500 else "http_error"
    detail = error.detail if status < 500 else (known.__doc__ or "")
    return _answer(request, status, code, _title(request, known), detail, dict(error.headers or {}), [], {})


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
    request.scope.setdefault("state", {})[CODE] = code
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
    fields = [_field(item) for item in extra if isinstance(item, dict)]
    return fields or [{"field": "", "message": str(error.detail)[:500]}]


def _field(item: dict[str, Any]) -> dict[str, str]:
    message = str(item.get("message", ""))
    # The decoder names the parameter that holds the body; a client knows only the body's own fields.
    name = str(item.get("key", ""))
    if name == BODY:
        name = ""
    unknown = _FIELD_IN_MESSAGE.search(message)
    if unknown is not None:
        name = f"{name}.{unknown[1]}" if name else unknown[1]
    return {"field": name, "message": message}


def _title(request: Request[Any, Any, Any], error: type[DairaError]) -> str:
    return error.title_ar if wants_arabic(request.headers.get("accept-language", "")) else error.title
