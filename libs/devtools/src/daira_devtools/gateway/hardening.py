"""The hardening list of an edge as rules over the rendered configuration: Envoy's own guide, and ours beside it."""

from collections.abc import Callable
from functools import reduce
from ipaddress import ip_address
from typing import Any

import msgspec

from daira_devtools.gateway.envoy.treatment import treatment
from daira_devtools.gateway.envoy.types import Config

BUFFER_LIMIT = 32 * 1024
LONGEST_HEADERS_SECONDS = 10
LONGEST_IDLE_SECONDS = 900
MOST_RESET_STREAMS = 500


class Rule(msgspec.Struct, frozen=True):
    """One sentence and the test of it."""

    sentence: str
    holds: Callable[[Config], bool]


def broken(config: Config) -> list[str]:
    """The sentences that do not hold; a missing part is a broken rule, not an error."""
    return [rule.sentence for rule in RULES if not _holds(rule, config)]


def manager(config: Config) -> Config:
    """The HTTP connection manager of the only listener."""
    listener = config["static_resources"]["listeners"][0]
    found: Config = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes(config: Config) -> list[Config]:
    found: list[Config] = manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    return found


def _holds(rule: Rule, config: Config) -> bool:
    try:
        return rule.holds(config)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False


def _in_manager(path: str, wanted: object) -> Callable[[Config], bool]:
    return lambda config: reduce(lambda node, key: node[key], path.split("."), manager(config)) == wanted


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def _at_most(path: str, limit: float) -> Callable[[Config], bool]:
    def holds(config: Config) -> bool:
        node: Any = manager(config)
        for key in path.split("."):
            node = node[key]
        return 0 < (_seconds(node) if isinstance(node, str) else node) <= limit

    return holds


def _admin_is_local(config: Config) -> bool:
    return ip_address(config["admin"]["address"]["socket_address"]["address"]).is_loopback


def _action(name: str, threshold: float) -> Callable[[Config], bool]:
    def holds(config: Config) -> bool:
        actions = {one["name"]: one for one in config["overload_manager"]["actions"]}
        trigger = actions[f"envoy.overload_actions.{name}"]["triggers"][0]
        return bool(trigger["threshold"]["value"] == threshold)

    return holds


def _monitors(name: str) -> Callable[[Config], bool]:
    return lambda config: any(
        one["name"] == f"envoy.resource_monitors.{name}" for one in config["overload_manager"]["resource_monitors"]
    )


def _buffers_are_small(config: Config) -> bool:
    resources = config["static_resources"]
    parts = [*resources["listeners"], *resources["clusters"]]
    return all(0 < part["per_connection_buffer_limit_bytes"] <= BUFFER_LIMIT for part in parts)


def _drops(header: str) -> Callable[[Config], bool]:
    def holds(config: Config) -> bool:
        mutations = manager(config)["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        return {"remove": header} in mutations

    return holds


def _filter_order(config: Config) -> bool:
    names = [one["name"].rpartition(".")[2] for one in manager(config)["http_filters"]]
    return names == ["lua", "cors", "local_ratelimit", "rbac", "jwt_authn", "compressor", "buffer", "router"]


def _every_route_names_its_token_rule(config: Config) -> bool:
    return all("envoy.filters.http.jwt_authn" in one["typed_per_filter_config"] for one in routes(config))


def _every_route_ends(config: Config) -> bool:
    return all(_ends(one["name"], one["route"]) for one in routes(config) if "route" in one)


def _ends(name: str, route: Config) -> bool:
    """Silence ends it; and time, unless it streams: `0s` is Envoy's word for never."""
    whole = _seconds(route["max_stream_duration"]["max_stream_duration"])
    return _seconds(route["idle_timeout"]) > 0 and (whole > 0 or treatment(name.partition(" ")[2]).streams)


def _one_host_only(config: Config) -> bool:
    first = routes(config)[0]
    [asked] = first["match"]["headers"]
    is_repeated = asked == {"name": ":authority", "string_match": {"contains": ","}}
    return bool(is_repeated and first["match"]["prefix"] == "/" and first["direct_response"]["status"] == 400)


def _only_repeatable_requests_are_repeated(config: Config) -> bool:
    methods = {
        one["match"]["headers"][0]["string_match"]["exact"]
        for one in routes(config)
        if "retry_policy" in one.get("route", {})
    }
    return methods <= {"GET", "HEAD"}


def _clusters_are_bounded(config: Config) -> bool:
    services = [one for one in config["static_resources"]["clusters"] if one["name"] != "trace_collector"]
    thresholds = [one["circuit_breakers"]["thresholds"][0] for one in services]
    return all(one["retry_budget"]["budget_percent"]["value"] <= 10 and one["max_requests"] for one in thresholds)


def _closes_reset_floods(config: Config) -> bool:
    layer = config["layered_runtime"]["layers"][0]["static_layer"]
    return bool(0 < layer["overload.premature_reset_total_stream_count"] <= MOST_RESET_STREAMS)


def _limits_each_address(config: Config) -> bool:
    host = manager(config)["route_config"]["virtual_hosts"][0]
    limiter = host["typed_per_filter_config"]["envoy.filters.http.local_ratelimit"]
    return bool(limiter["descriptors"][0]["entries"] == [{"key": "remote_address"}])


def _keys_outlive_auth(config: Config) -> bool:
    tokens = next(one for one in manager(config)["http_filters"] if one["name"].endswith("jwt_authn"))
    provider = tokens["typed_config"]["providers"]["daira"]
    return bool(provider["remote_jwks"]["async_fetch"]["fast_listener"] and provider["audiences"])


def _log_holds_no_secret(config: Config) -> bool:
    line = manager(config)["access_log"][0]["typed_config"]["log_format"]["json_format"]
    return not any("PATH" in value or "AUTHORIZATION" in value for value in line.values())


RULES = (
    Rule("the admin interface listens on loopback only", _admin_is_local),
    Rule("memory is given back at 95 % of the heap", _action("shrink_heap", 0.95)),
    Rule("requests are refused at 98 % of the heap", _action("stop_accepting_requests", 0.98)),
    Rule("the heap is bounded", _monitors("fixed_heap")),
    Rule("connections of clients are bounded", _monitors("global_downstream_max_connections")),
    Rule("connection buffers are 32 KiB at most", _buffers_are_small),
    Rule("the address of a client is the peer's", _in_manager("use_remote_address", True)),
    Rule("a client's own X-Forwarded-For is dropped", _drops("x-forwarded-for")),
    Rule("a client's own X-User-Id is dropped", _drops("x-user-id")),
    Rule("paths are normalised", _in_manager("normalize_path", True)),
    Rule("double slashes are merged", _in_manager("merge_slashes", True)),
    Rule("escaped slashes are refused", _in_manager("path_with_escaped_slashes_action", "REJECT_REQUEST")),
    Rule(
        "headers with underscores are refused",
        _in_manager("common_http_protocol_options.headers_with_underscores_action", "REJECT_REQUEST"),
    ),
    Rule("a request for two hosts is refused", _one_host_only),
    Rule("idle connections end", _at_most("common_http_protocol_options.idle_timeout", LONGEST_IDLE_SECONDS)),
    Rule("headers must arrive soon", _at_most("request_headers_timeout", LONGEST_HEADERS_SECONDS)),
    Rule("silent streams end", _at_most("stream_idle_timeout", 300)),
    Rule("HTTP/2 has 100 streams a connection", _in_manager("http2_protocol_options.max_concurrent_streams", 100)),
    Rule(
        "HTTP/2 stream windows are 64 KiB", _in_manager("http2_protocol_options.initial_stream_window_size", 64 * 1024)
    ),
    Rule(
        "HTTP/2 connection windows are 1 MiB",
        _in_manager("http2_protocol_options.initial_connection_window_size", 1024 * 1024),
    ),
    Rule("connections that take their streams back are closed", _closes_reset_floods),
    Rule("headers are 32 KiB at most", _at_most("max_request_headers_kb", 32)),
    Rule("every answer carries the request's id", _in_manager("always_set_request_id_in_response", True)),
    Rule("filters stand in their order", _filter_order),
    Rule("every route says what it asks of the token", _every_route_names_its_token_rule),
    Rule("every forwarded route has an end", _every_route_ends),
    Rule("only GET and HEAD are tried twice", _only_repeatable_requests_are_repeated),
    Rule("repeats are 10 % of the traffic at most", _clusters_are_bounded),
    Rule("each client address has a limit", _limits_each_address),
    Rule("auth's keys are fetched beside the traffic", _keys_outlive_auth),
    Rule("the access log holds no path, query or token", _log_holds_no_secret),
)
