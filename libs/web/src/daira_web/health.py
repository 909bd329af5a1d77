"""/livez never touches a dependency; /readyz names each with its latency and last error, also after recovery."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from daira_kit.clock import now
from daira_web.guards import PUBLIC

CHECK_SECONDS = 2.0
Check = Callable[[], Awaitable[None]]


class Dependency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One dependency as this process sees it now."""

    name: str
    ok: bool
    latency_ms: float
    error: str | None = None
    required: bool = True
    last_error: str | None = None
    """The newest failure that this process saw; it stays when the dependency is well again."""
    last_error_at: datetime | None = None


class Health:
    """The checks of one process. Draining makes it unready at once."""

    def __init__(self, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> None:
        """A failing `required` check makes the process unready; an `optional` one is only shown."""
        self._required, self._optional = dict(required), dict(optional or {})
        self._last: dict[str, tuple[str, datetime]] = {}
        self.draining = False
        self.alive: Callable[[], str | None] = lambda: None
        """Says why the process should be restarted, or None."""

    async def look(self) -> list[Dependency]:
        """All checks at once, each bounded by CHECK_SECONDS."""
        checks = [(name, check, True) for name, check in self._required.items()]
        checks += [(name, check, False) for name, check in self._optional.items()]
        found = await asyncio.gather(*(_look(*check) for check in checks))
        self._last |= {one.name: (one.error, now()) for one in found if one.error is not None}
        return [self._with_last_error(one) for one in found]

    def _with_last_error(self, one: Dependency) -> Dependency:
        error, at = self._last.get(one.name, (None, None))
        return msgspec.structs.replace(one, last_error=error, last_error_at=at)


async def _look(name: str, check: Check, required: bool) -> Dependency:
    started = time.perf_counter()
    error = None
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except Exception as problem:
        error = str(problem) or type(problem).__name__
    latency = round((time.perf_counter() - started) * 1000, 2)
    return Dependency(name=name, ok=error is None, latency_ms=latency, error=error, required=required)


@get("/livez", operation_id="Live", opt=PUBLIC, include_in_schema=False)
async def live(state: State) -> Response[dict[str, Any]]:
    """Whether the process should go on living."""
    reason = state.health.alive()
    return Response({"alive": reason is None, "reason": reason}, status_code=200 if reason is None else 503)


@get("/readyz", operation_id="Ready", opt=PUBLIC, include_in_schema=False)
async def ready(state: State) -> Response[dict[str, Any]]:
    """Whether traffic may come."""
    health: Health = state.health
    dependencies = await health.look()
    ok = not health.draining and all(one.ok for one in dependencies if one.required)
    body = {"ready": ok, "draining": health.draining, "dependencies": dependencies}
    return Response(body, status_code=200 if ok else 503)


@get("/metrics", operation_id="Metrics", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def metrics() -> Response[bytes]:
    """Prometheus text."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


HEALTH_ROUTES = (live, ready, metrics)
