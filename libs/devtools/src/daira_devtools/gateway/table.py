"""The one route table: (method, path template) → service, in the order in which the gateway looks."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from pathlib import Path
from pathlib import PurePath as Tail

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from daira_devtools.gateway.applications import handlers, http_routes
from daira_devtools.root import checkout_root

FILE = "compose/gateway/routes.json"
INSIDE = re.compile(r"/(livez|readyz|metrics|openapi\.json|_schema(/.*)?)")
"""What each service answers for itself and nobody asks from outside."""
SANDBOX_PREFIX = "/v1/sandbox"


class RouteConflict(ValueError):
    """Two services claim one route, or a route does not say who may call it."""


class Access(Enum):
    """What the gateway asks of the access token before a request goes on."""

    PUBLIC = "public"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`template` has `{name}` for one segment and, at the end, `{name...}` for one or more."""

    method: str
    template: str
    service: str
    access: Access

    @property
    def is_sandbox(self) -> bool:
        """Only in the route table of development."""
        return self.template.startswith(SANDBOX_PREFIX)

    @property
    def shape(self) -> str:
        """The template without the names of its variables: what decides whether two routes are the same."""
        return "/".join(_shape(segment) for segment in self.template.split("/"))


def build(apps: Mapping[str, Litestar]) -> list[Route]:
    """The routes of all applications. Raises RouteConflict naming every duplicate at once."""
    found = [
        _route(service, method, route, handler)
        for service, app in apps.items()
        for route, handler in handlers(http_routes(app))
        if not INSIDE.fullmatch(route.path_format)
        for method in sorted(handler.http_methods)
    ]
    return ordered(found)


def ordered(routes: Iterable[Route]) -> list[Route]:
    """Literal before variable before tail, segment by segment. Raises RouteConflict for duplicates."""
    listed = sorted(routes, key=lambda one: (_rank(one.template), one.method, one.service))
    problems = []
    for (method, shape), group in groupby(listed, key=lambda one: (one.method, one.shape)):
        owners = [one.service for one in group]
        if len(owners) > 1:
            problems.append(f"{method} {shape} is claimed by {', '.join(owners)}")
    if problems:
        raise RouteConflict("; ".join(problems))
    return listed


def encode(routes: Sequence[Route]) -> str:
    """One route a line, so that a change is a line in a diff."""
    lines = [msgspec.json.encode(route).decode() for route in routes]
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n"


def load(path: Path | None = None) -> list[Route]:
    """The committed table."""
    return msgspec.json.decode((path or checkout_root() / FILE).read_bytes(), type=list[Route])


def _route(service: str, method: str, route: HTTPRoute, handler: HTTPRouteHandler) -> Route:
    access = _access(handler)
    if access is None:
        raise RouteConflict(f"{method} {route.path_format} of {service} has neither a guard nor opt=PUBLIC")
    return Route(method=method, template=_template(route), service=service, access=access)


def _access(handler: HTTPRouteHandler) -> Access | None:
    guards = {getattr(guard, "__name__", "") for guard in handler.resolve_guards()}
    if handler.opt.get("public"):
        return Access.PUBLIC
    if not guards:
        return None
    return Access.OPTIONAL if guards == {"maybe_signed_in"} else Access.REQUIRED


def _template(route: HTTPRoute) -> str:
    segments = [
        part if isinstance(part, str) else f"{{{part.name}...}}" if issubclass(part.type, Tail) else f"{{{part.name}}}"
        for part in route.path_components
    ]
    return "/" + "/".join(segment.strip("/") for segment in segments)


def _rank(template: str) -> list[tuple[int, str]]:
    ranks = {"{}": 1, "{...}": 2}
    shapes = [_shape(segment) for segment in template.split("/")]
    return [(ranks.get(shape, 0), shape) for shape in shapes]


def _shape(segment: str) -> str:
    if not segment.startswith("{"):
        return segment
    return "{...}" if segment.endswith("...}") else "{}"
