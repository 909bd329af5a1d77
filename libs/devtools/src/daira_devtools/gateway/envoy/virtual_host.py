"""The route table as Envoy routes: matched in order, each with the treatment of its kind."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy import filters
from daira_devtools.gateway.envoy.treatment import Treatment, treatment
from daira_devtools.gateway.envoy.types import Config, seconds
from daira_devtools.gateway.table import Access, Route

SOCKETS = "/socket.io/"
RETRY = {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 1}
REPEATABLE = ("GET", "HEAD")


def virtual_host(edge: Edge, routes: Sequence[Route]) -> Config:
    """Every route, then 405 for its other methods; what nothing matches is 404."""
    listed: list[Config] = [
        _two_hosts(),
        _front_door(edge),
        _document(edge),
        _preflight("/media/", any_origin=True),
        _preflight("/", any_origin=False),
    ]
    for _, group in groupby(routes, key=lambda one: one.shape):
        same = list(group)
        listed += [_route(route) for route in same]
        listed.append(_wrong_method(same))
    listed += [_absent("socket.io (reserved)", {"prefix": SOCKETS}), _absent("unmatched", {"prefix": "/"})]
    return {
        "name": "daira",
        "domains": ["*"],
        "typed_per_filter_config": {
            filters.CORS: filters.cors(edge.allowed_origins, with_credentials=True),
            filters.LIMITER: filters.client_limit(edge),
        },
        "response_headers_to_add": [_header("X-Content-Type-Options", "nosniff")],
        "routes": listed,
    }


def path_match(template: str) -> Config:
    """An exact path where there is no variable, else an anchored expression (RE2, no backtracking)."""
    if "{" not in template:
        return {"path": template}
    return {"safe_regex": {"regex": "/".join(_segment(part) for part in template.split("/"))}}


def _segment(part: str) -> str:
    if part.startswith("{"):
        return ".+" if part.endswith("...}") else "[^/]+"
    return re.escape(part)


def _route(route: Route) -> Config:
    kind = treatment(route.template)
    method = {"name": ":method", "string_match": {"exact": route.method}}
    action: Config = {
        "cluster": route.service,
        "timeout": seconds(kind.answer_seconds),
        "idle_timeout": seconds(kind.idle_seconds),
        "max_stream_duration": {"max_stream_duration": seconds(kind.whole_seconds)},
    }
    if route.method in REPEATABLE:
        action["retry_policy"] = RETRY
    return {
        "name": f"{route.method} {route.template}",
        "match": {**path_match(route.template), "headers": [method]},
        "route": action,
        "typed_per_filter_config": dict(_filters(route, kind)),
    }


def _filters(route: Route, kind: Treatment) -> Iterator[tuple[str, Config]]:
    yield filters.TOKENS, filters.token_rule(None if kind.checks_token_itself else _requirement(route.access))
    if kind.streams:
        yield filters.BODIES, filters.unbuffered()
        yield filters.COMPRESSION, filters.uncompressed()
    if kind.any_origin:
        yield filters.CORS, filters.cors((".*",), with_credentials=False)


def _requirement(access: Access) -> str | None:
    return {
        Access.PUBLIC: None,
        Access.OPTIONAL: filters.OPTIONAL,
        Access.REQUIRED: filters.REQUIRED,
    }[access]


def _wrong_method(routes: Sequence[Route]) -> Config:
    template = routes[0].template
    allowed = ", ".join(sorted({route.method for route in routes}))
    return {
        "name": f"405 {template}",
        "match": path_match(template),
        "direct_response": {"status": 405},
        "response_headers_to_add": [_header("Allow", allowed)],
        "typed_per_filter_config": {filters.TOKENS: filters.token_rule(None)},
    }


def _absent(name: str, match: Config) -> Config:
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": 404},
        "typed_per_filter_config": {filters.TOKENS: filters.token_rule(None)},
    }


def _two_hosts() -> Config:
    """Envoy joins repeated Host headers; what stands behind it would choose one (RFC 9112, 3.2: answer 400)."""
    return {
        "name": "two hosts",
        "match": {"prefix": "/", "headers": [{"name": ":authority", "string_match": {"contains": ","}}]},
        "direct_response": {"status": 400},
        "typed_per_filter_config": {filters.TOKENS: filters.token_rule(None)},
    }


def _front_door(edge: Edge) -> Config:
    """Who types the bare address sees a page. No redirect of Envoy's: the port is stripped from what it would name."""
    return {
        "name": "GET /",
        "match": {"path": "/"},
        "direct_response": {"status": 302},
        "response_headers_to_add": [_header("Location", "/preview" if edge.env == "dev" else "/docs")],
        "typed_per_filter_config": {filters.TOKENS: filters.token_rule(None)},
    }


def _preflight(prefix: str, *, any_origin: bool) -> Config:
    """The CORS filter answers known origins before the router; what it lets pass came from a foreign one."""
    asked = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "present_match": True},
    ]
    own = {filters.CORS: filters.cors((".*",), with_credentials=False)} if any_origin else {}
    return {
        "name": f"preflight {prefix}",
        "match": {"prefix": prefix, "headers": asked},
        "route": {"cluster": "auth", "idle_timeout": "5s", "max_stream_duration": {"max_stream_duration": "5s"}},
        "typed_per_filter_config": {
            **own,
            filters.TOKENS: filters.token_rule(None),
            filters.PERMISSIONS: filters.nobody(),
        },
    }


def _document(edge: Edge) -> Config:
    method = {"name": ":method", "string_match": {"exact": "GET"}}
    return {
        "name": "GET /openapi.json",
        "match": {"path": "/openapi.json", "headers": [method]},
        "direct_response": {"status": 200, "body": {"filename": str(edge.openapi)}},
        "response_headers_to_add": [_header("Content-Type", "application/json"), _header("Cache-Control", "no-cache")],
        "typed_per_filter_config": {filters.TOKENS: filters.token_rule(None)},
    }


def _header(key: str, value: str) -> Config:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
