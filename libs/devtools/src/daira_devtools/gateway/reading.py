"""The route table as the applications have it."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types.internal_types import PathParameterDefinition

from daira_devtools.gateway.applications import handlers, http_routes
from daira_devtools.gateway.table import Access, Route, RouteConflict, ordered

INSIDE = re.compile(r"/(livez|readyz|metrics|openapi\.json|_schema(/.*)?)")
"""What each service answers for itself and nobody asks from outside."""


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
    return "/" + "/".join(_segment(part) for part in route.path_components)


def _segment(part: str | PathParameterDefinition) -> str:
    if isinstance(part, str):
        return part.strip("/")
    return f"{{{part.name}...}}" if issubclass(part.type, PurePath) else f"{{{part.name}}}"
