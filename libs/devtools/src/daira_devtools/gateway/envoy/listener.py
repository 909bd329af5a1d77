"""The one listener and its HTTP connection manager: the hardening list of Envoy's guide for the edge."""

from collections.abc import Sequence

from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy.clusters import BUFFER_BYTES, COLLECTOR
from daira_devtools.gateway.envoy.filters import http_filters
from daira_devtools.gateway.envoy.problems import local_replies
from daira_devtools.gateway.envoy.types import Config, named, typed
from daira_devtools.gateway.envoy.virtual_host import virtual_host
from daira_devtools.gateway.table import Route

STREAM_IDLE_SECONDS = 60
NOT_THE_CLIENTS = ("x-user-id", "x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host", "x-original-url")
"""Request headers that say who or where a client is: the gateway says that, a client's own are dropped."""
LARGEST_DOCUMENT = 8 * 1024 * 1024


def listener(edge: Edge, routes: Sequence[Route]) -> Config:
    """Plain HTTP/1.1 and HTTP/2; TLS ends before it or is added by the chart."""
    manager = named(
        "filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **_connection_manager(edge, routes),
    )
    return {
        "name": "edge",
        "address": {"socket_address": {"address": edge.host, "port_value": edge.port}},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }


def _connection_manager(edge: Edge, routes: Sequence[Route]) -> Config:
    return {
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_any_host_port": True,
        "server_header_transformation": "PASS_THROUGH",
        "common_http_protocol_options": {
            "idle_timeout": "900s",
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        "max_request_headers_kb": 32,
        "request_headers_timeout": f"{edge.effective_limits.headers_seconds:g}s",
        "stream_idle_timeout": f"{STREAM_IDLE_SECONDS}s",
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "early_header_mutation_extensions": [_drop_claims_of_clients()],
        "access_log": [_access_log()],
        "tracing": _tracing(),
        "local_reply_config": local_replies(edge.effective_limits),
        "http_filters": http_filters(edge),
        "route_config": {
            "name": "routes",
            "max_direct_response_body_size_bytes": LARGEST_DOCUMENT,
            "virtual_hosts": [virtual_host(edge, routes)],
        },
    }


def _drop_claims_of_clients() -> Config:
    return named(
        "http.early_header_mutation.header_mutation",
        "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove": name} for name in NOT_THE_CLIENTS],
    )


def _access_log() -> Config:
    """One JSON line a request. The route's template stands for the path: ids, capabilities and queries stay out."""
    line = {
        "timestamp": "%START_TIME%",
        "event": "edge_request",
        "route": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD)%",
        "status": "%RESPONSE_CODE%",
        "ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "service": "%UPSTREAM_CLUSTER%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
    }
    return named(
        "access_loggers.stdout",
        "extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": line},
    )


def _tracing() -> Config:
    """Every trace begins here or goes on from the client's traceparent; spans are lost quietly without a collector."""
    provider = {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            **typed("config.trace.v3.OpenTelemetryConfig", service_name="gateway"),
            "grpc_service": {"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "0.25s"},
        },
    }
    return {"random_sampling": {"value": 100.0}, "provider": provider}
