"""What every request passes: its language, CORS, the limit of its address, its token, and the size of its body."""

from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy.language import weigh_languages
from daira_devtools.gateway.envoy.types import ALWAYS, Config, named, typed

LIMITER = "envoy.filters.http.local_ratelimit"
TOKENS = "envoy.filters.http.jwt_authn"
BODIES = "envoy.filters.http.buffer"
CORS = "envoy.filters.http.cors"
COMPRESSION = "envoy.filters.http.compressor"
PERMISSIONS = "envoy.filters.http.rbac"
ISSUER = "daira"
REQUIRED, OPTIONAL = "required", "optional"
MOST_ADDRESSES = 20_000

SMALLEST_COMPRESSED = 860
COMPRESSED_TYPES = ("application/json", "text/html", "text/css", "text/javascript", "image/svg+xml")

ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    "authorization, content-type, accept-language, idempotency-key, if-none-match, if-match, range, save-data, "
    "traceparent, tracestate, x-request-id, x-requested-with, x-http-method-override, tus-resumable, upload-length, "
    "upload-offset, upload-metadata, upload-checksum, upload-concat, upload-defer-length"
)
EXPOSED_HEADERS = (
    "x-request-id, etag, location, retry-after, ratelimit, idempotent-replayed, content-range, accept-ranges, "
    "tus-resumable, tus-version, tus-extension, tus-max-size, tus-checksum-algorithm, upload-offset, upload-length, "
    "upload-expires, upload-metadata, upload-concat, upload-defer-length, upload-media-id"
)


def http_filters(edge: Edge) -> list[Config]:
    """In order. The limiter comes before the token, so that guessing tokens is limited too."""
    return [
        weigh_languages(),
        named("filters.http.cors", "extensions.filters.http.cors.v3.Cors"),
        named(
            "filters.http.local_ratelimit",
            "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="edge",
        ),
        named("filters.http.rbac", "extensions.filters.http.rbac.v3.RBAC"),
        named(
            "filters.http.jwt_authn",
            "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            providers={ISSUER: _provider(edge)},
            requirement_map={
                REQUIRED: {"provider_name": ISSUER},
                OPTIONAL: {"requires_any": {"requirements": [{"provider_name": ISSUER}, {"allow_missing": {}}]}},
            },
            bypass_cors_preflight=True,
        ),
        _compressor(),
        named(
            "filters.http.buffer",
            "extensions.filters.http.buffer.v3.Buffer",
            max_request_bytes=edge.effective_limits.body_bytes,
        ),
        named("filters.http.router", "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True),
    ]


def client_limit(edge: Edge) -> Config:
    """One bucket for each client address."""
    limits = edge.effective_limits
    everybody = {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"}
    one = {
        "max_tokens": limits.burst,
        "tokens_per_fill": max(1, limits.requests_per_second // 10),
        "fill_interval": "0.1s",
    }
    return typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="client",
        token_bucket=everybody,
        max_dynamic_descriptors=MOST_ADDRESSES,
        rate_limits=[{"actions": [{"remote_address": {}}]}],
        descriptors=[{"entries": [{"key": "remote_address"}], "token_bucket": one}],
        filter_enabled=ALWAYS,
        filter_enforced=ALWAYS,
    )


def cors(origins: tuple[str, ...], *, with_credentials: bool) -> Config:
    """Which web pages may read answers."""
    return typed(
        "extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"safe_regex": {"regex": origin}} for origin in origins],
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        allow_credentials=with_credentials,
        max_age="600",
    )


def token_rule(name: str | None) -> Config:
    """What a route asks of the token; None turns the check off here (the service does it, or nobody need)."""
    if name is None:
        return typed("extensions.filters.http.jwt_authn.v3.PerRouteConfig", disabled=True)
    return typed("extensions.filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=name)


def nobody() -> Config:
    """Refuses every request that gets this far."""
    everybody = {"permissions": [{"any": True}], "principals": [{"any": True}]}
    rules = {"action": "DENY", "policies": {"everybody": everybody}}
    return typed("extensions.filters.http.rbac.v3.RBACPerRoute", rbac={"rules": rules})


def unbuffered() -> Config:
    """Bodies go through as they come."""
    return typed("extensions.filters.http.buffer.v3.BufferPerRoute", disabled=True)


def uncompressed() -> Config:
    """Bytes that are compressed already, or asked for by range."""
    return typed("extensions.filters.http.compressor.v3.CompressorPerRoute", disabled=True)


def _compressor() -> Config:
    """gzip for whoever accepts it: a page of a feed shrinks to a fifth on its way to a phone. ETags become weak."""
    library = {
        "name": "gzip",
        "typed_config": typed(
            "extensions.compression.gzip.compressor.v3.Gzip", compression_level="COMPRESSION_LEVEL_4", memory_level=8
        ),
    }
    worth_it = {"min_content_length": SMALLEST_COMPRESSED, "content_type": list(COMPRESSED_TYPES)}
    return named(
        "filters.http.compressor",
        "extensions.filters.http.compressor.v3.Compressor",
        # Without it strong ETags are taken away, and a phone downloads again what has not changed.
        response_direction_config={"common_config": worth_it, "weaken_etag_on_compress": True},
        compressor_library=library,
    )


def _provider(edge: Edge) -> Config:
    """auth's keys are fetched beside the traffic and outlive auth: an old set stays until a new one has arrived."""
    host, port = edge.upstreams["auth"]
    return {
        "issuer": edge.issuer,
        "audiences": [edge.audience],
        "forward": True,
        "clock_skew_seconds": 30,
        "require_expiration": True,
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "remote_jwks": {
            "http_uri": {"uri": f"http://{host}:{port}/.well-known/jwks.json", "cluster": "auth", "timeout": "2s"},
            "cache_duration": f"{edge.keys_seconds}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "0.5s"},
        },
    }
