"""The whole file: admin, overload manager, one listener, one cluster a service."""

from collections.abc import Sequence

from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy.clusters import clusters
from daira_devtools.gateway.envoy.listener import listener
from daira_devtools.gateway.envoy.types import Config, named
from daira_devtools.gateway.table import Route

RESETS = {
    "overload.premature_reset_total_stream_count": 500,
    "overload.premature_reset_min_stream_lifetime_seconds": 1,
}
"""A connection that took half of so many streams back within a second of asking is closed: CVE-2023-44487."""


def configuration(edge: Edge, routes: Sequence[Route]) -> Config:
    """Everything `envoy -c` needs. Routes of the sandbox are left out unless the edge is one of development."""
    visible = [route for route in routes if edge.env == "dev" or not route.is_sandbox]
    return {
        "admin": {"address": _address("127.0.0.1", edge.admin_port)},
        "static_resources": {"listeners": [listener(edge, visible)], "clusters": clusters(edge)},
        "overload_manager": _overload(edge),
        "layered_runtime": {
            "layers": [{"name": "limits", "static_layer": RESETS}, {"name": "admin", "admin_layer": {}}]
        },
    }


def _overload(edge: Edge) -> Config:
    """Give memory back at 95 % of the heap, refuse requests at 98 %, never hold more connections than told."""
    limits = edge.effective_limits
    heap = named(
        "resource_monitors.fixed_heap",
        "extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=limits.heap_bytes,
    )
    connections = named(
        "resource_monitors.global_downstream_max_connections",
        "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=limits.connections,
    )
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [heap, connections],
        "actions": [
            _action("shrink_heap", 0.95),
            _action("stop_accepting_requests", 0.98),
        ],
    }


def _action(name: str, threshold: float) -> Config:
    trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}
    return {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}


def _address(host: str, port: int) -> Config:
    return {"socket_address": {"address": host, "port_value": port}}
