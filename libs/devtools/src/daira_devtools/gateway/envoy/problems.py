"""Every answer the gateway makes itself is application/problem+json, in the language the client asked for."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daira_devtools.gateway.edge import Limits
from daira_devtools.gateway.envoy.language import wants_arabic
from daira_devtools.gateway.envoy.types import Config, typed

PROBLEM_JSON = "application/problem+json"
LIMITED = 429
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of failure, as the services would say it."""

    status: int
    code: str
    title: str
    title_ar: str
    detail: str
    retry_after: int | None = None


TOKEN = Reply(
    status=401,
    code="token_invalid",
    title="Unauthorized",
    title_ar="يلزم تسجيل الدخول",
    detail="The access token is missing, malformed, expired or not meant for this service.",
)
NO_KEYS = Reply(
    status=503,
    code="keys_unavailable",
    title="Unavailable",
    title_ar="الخدمة غير متاحة",
    detail="Tokens cannot be checked right now. Try again shortly.",
    retry_after=2,
)
REPLIES = (
    Reply(
        status=400,
        code="bad_request",
        title="Bad request",
        title_ar="طلب غير صالح",
        detail="The request is malformed.",
    ),
    TOKEN,
    Reply(status=403, code="forbidden", title="Forbidden", title_ar="غير مسموح", detail="You may not do this."),
    Reply(status=404, code="not_found", title="Not found", title_ar="غير موجود", detail="There is nothing here."),
    Reply(
        status=405,
        code="method_not_allowed",
        title="Method not allowed",
        title_ar="طريقة غير مسموحة",
        detail="This path does not answer that method; see the Allow header.",
    ),
    Reply(
        status=408,
        code="request_timeout",
        title="Request timeout",
        title_ar="انتهت مهلة الطلب",
        detail="The request took too long to arrive.",
    ),
    Reply(
        status=413,
        code="payload_too_large",
        title="Payload too large",
        title_ar="حجم الطلب كبير جدًا",
        detail="The request body is too large.",
    ),
    Reply(
        status=429,
        code="rate_limited",
        title="Too many requests",
        title_ar="طلبات كثيرة جدًا",
        detail="Too many requests from this address. Slow down.",
        retry_after=1,
    ),
    Reply(
        status=431,
        code="headers_too_large",
        title="Request headers too large",
        title_ar="ترويسات الطلب كبيرة جدًا",
        detail="The request headers are too large.",
    ),
    Reply(
        status=500,
        code="internal_error",
        title="Internal error",
        title_ar="خطأ داخلي",
        detail="Something went wrong on our side.",
    ),
    Reply(
        status=501,
        code="not_implemented",
        title="Not implemented",
        title_ar="غير مدعوم",
        detail="The request uses something of HTTP that is not understood here.",
    ),
    Reply(
        status=502,
        code="bad_gateway",
        title="Bad gateway",
        title_ar="رد غير صالح من الخدمة",
        detail="The service behind the gateway answered nonsense. Try again shortly.",
    ),
    Reply(
        status=503,
        code="unavailable",
        title="Unavailable",
        title_ar="الخدمة غير متاحة",
        detail="The service behind the gateway is down. Try again shortly.",
        retry_after=2,
    ),
    Reply(
        status=504,
        code="gateway_timeout",
        title="Gateway timeout",
        title_ar="انتهت مهلة الخدمة",
        detail="The service behind the gateway did not answer in time.",
        retry_after=2,
    ),
)
KEYS_MISSING = "response.code_details.contains('Jwks_remote_fetch')"
TOKEN_REFUSED = "response.code_details.startsWith('jwt_authn_access_denied')"  # noqa: S105


def local_replies(limits: Limits) -> Config:
    """The first filter that fits decides: missing keys, then any failure of a token, then the status."""
    spent = {"RateLimit": f"limit={limits.requests_per_second}, remaining=0, reset=1"}
    mappers = [*_both_languages(NO_KEYS, _details(KEYS_MISSING)), *_both_languages(TOKEN, _details(TOKEN_REFUSED))]
    for reply in REPLIES:
        mappers += _both_languages(reply, _status_is(reply.status), spent if reply.status == LIMITED else {})
    return {"mappers": mappers}


def _both_languages(reply: Reply, condition: Config, headers: Mapping[str, str] = NO_HEADERS) -> list[Config]:
    arabic = {"and_filter": {"filters": [condition, wants_arabic()]}}
    if reply.retry_after is not None:
        headers = {"Retry-After": str(reply.retry_after), **headers}
    return [_mapper(reply, reply.title_ar, arabic, headers), _mapper(reply, reply.title, condition, headers)]


def _mapper(reply: Reply, title: str, condition: Config, headers: Mapping[str, str]) -> Config:
    body = {
        "type": f"https://daira.app/problems/{reply.code}",
        "title": title,
        "status": reply.status,
        "code": reply.code,
        "detail": reply.detail,
        "requestId": "%REQ(X-REQUEST-ID)%",
        "errors": [],
    }
    added = [
        {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"} for key, value in headers.items()
    ]
    return {
        "filter": condition,
        "status_code": reply.status,
        "headers_to_add": added,
        "body_format_override": {"json_format": body, "content_type": PROBLEM_JSON},
    }


def _details(expression: str) -> Config:
    """A condition on why Envoy answered by itself, in CEL."""
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": typed("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression),
        }
    }


def _status_is(status: int) -> Config:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"daira.problem.{status}"}}
    return {"status_code_filter": {"comparison": comparison}}
