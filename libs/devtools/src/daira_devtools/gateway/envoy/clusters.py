"""What lies behind the gateway."""

from ipaddress import ip_address

from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy.types import Config, typed

BUFFER_BYTES = 32 * 1024
KEEP_ALIVE_SECONDS = 60
"""Less than the services' own 75 s, so that a connection is never closed under a request."""
COLLECTOR = "trace_collector"


def clusters(edge: Edge) -> list[Config]:
    """One a service, and the trace collector."""
    services = [_service(name, host, port) for name, (host, port) in edge.upstreams.items()]
    return [*services, _collector(*edge.trace_collector)]


def _service(name: str, host: str, port: int) -> Config:
    threshold = {
        "max_connections": 1024,
        "max_pending_requests": 1024,
        "max_requests": 4096,
        "retry_budget": {"budget_percent": {"value": 10.0}, "min_retry_concurrency": 3},
    }
    options = typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options={"idle_timeout": f"{KEEP_ALIVE_SECONDS}s"},
        explicit_http_config={"http_protocol_options": {}},
    )
    return {
        **_endpoint(name, host, port),
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [threshold]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }


def _collector(host: str, port: int) -> Config:
    options = typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": {}},
    )
    return {
        **_endpoint(COLLECTOR, host, port),
        "connect_timeout": "0.25s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }


def _endpoint(name: str, host: str, port: int) -> Config:
    address = {"socket_address": {"address": host, "port_value": port}}
    return {
        "name": name,
        "type": "STATIC" if _is_address(host) else "STRICT_DNS",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
