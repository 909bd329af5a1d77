"""What happens around every request, also one that matches no route: id, trace, one log line, metrics."""

import time

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind

from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_observe.metrics import HTTP_REQUESTS, HTTP_SECONDS
from daira_observe.tracing import span
from daira_web.problems import CODE

logger = get_logger("daira.http")
QUIET = frozenset({"/livez", "/readyz", "/metrics"})
LONGEST_ID = 128


async def around(next_app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Binds `request_id` (echoed as X-Request-Id) and `traceparent`; never logs bodies, queries or tokens."""
    if scope["type"] != ScopeType.HTTP:
        await next_app(scope, receive, send)
        return
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    request_id = headers.get("x-request-id", "")[:LONGEST_ID] or str(new_id())
    method = scope["method"]
    status = 500
    started = time.perf_counter()

    async def send_with_id(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("latin-1"))]
        await send(message)

    with (
        structlog.contextvars.bound_contextvars(request_id=request_id),
        span(method, carrier=headers, kind=SpanKind.SERVER) as current,
    ):
        try:
            await next_app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            route = str(scope.get("path_template") or "unmatched")  # known only after routing
            current.update_name(f"{method} {route}")
            current.set_attribute("http.status_code", status)
            HTTP_REQUESTS.labels(method, route, str(status)).inc()
            HTTP_SECONDS.labels(method, route).observe(seconds)
            if scope["path"] not in QUIET:
                code = scope.get("state", {}).get(CODE)
                told = {"code": code} if code else {}  # what the user may quote
                logger.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 2), **told)
