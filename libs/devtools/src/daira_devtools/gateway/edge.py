"""What one gateway is told: where it listens, what lies behind it, and how generous it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1)(:\d{1,5})?"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, seconds and counts at the edge; the services have finer limits behind it."""

    body_bytes: int = 1_000_000
    """Of a JSON request; uploads have no limit here, media counts them."""
    requests_per_second: int = 50
    """Of one client address, over time."""
    burst: int = 200
    """Of one client address, at once."""
    headers_seconds: float = 10.0
    """How long a client may take to send its headers."""
    connections: int = 10_000
    heap_bytes: int = 512 * 1024 * 1024


DEV_LIMITS = Limits(requests_per_second=2_000, burst=4_000)
"""Everything comes from one address: the demo, the tests and the benchmarks."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway. `upstreams` maps each service to host and port."""

    upstreams: Mapping[str, tuple[str, int]]
    openapi: Path
    port: int
    admin_port: int
    env: Literal["dev", "prod"] = "prod"
    host: str = "127.0.0.1"
    issuer: str = "https://auth.daira.app"
    audience: str = "daira-api"
    keys_seconds: int = 30
    """How often auth's keys are fetched again."""
    origins: tuple[str, ...] = ()
    """Regular expressions of web origins that may call; in dev the loopback ones."""
    limits: Limits | None = None
    trace_collector: tuple[str, int] = ("127.0.0.1", 4317)
    """OTLP over gRPC; nothing need listen there."""

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        return self.origins or ((LOOPBACK_ORIGIN,) if self.env == "dev" else ())

    @property
    def effective_limits(self) -> Limits:
        return self.limits or (DEV_LIMITS if self.env == "dev" else Limits())
