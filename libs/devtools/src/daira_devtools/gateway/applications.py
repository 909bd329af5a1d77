"""The eleven applications as far as their routes go: built from each service's `ROUTES`, with nothing behind them."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_type_hints

import msgspec
from litestar import Litestar, Router
from litestar.di import Dependency
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from daira_web.app import create_app
from daira_web.health import Health
from daira_web.tokens import TokenVerifier

SANDBOX = {"auth": ("daira_sandbox.routes", "read_messages")}
"""Routes that a service serves only with DAIRA_ENV=dev, by the distribution they come from."""


def application(service: str) -> Litestar:
    """The routes of one service and, for auth, those of its sandbox. Starts nothing and needs no store."""
    routes = routes_of(service)
    return create_app(
        service=service,
        routes=routes,
        dependencies=dict.fromkeys(_dependency_names(routes)),
        examples=examples_of(service),
        verifier=TokenVerifier("", ""),
        health=Health({}),
    )


def routes_of(service: str) -> Sequence[ControllerRouterHandler]:
    """`ROUTES` of `daira_<service>.routes`; none for a service without that room."""
    found: list[ControllerRouterHandler] = [*_room(service, "ROUTES")]
    if service in SANDBOX:
        module, name = SANDBOX[service]
        found.append(getattr(import_module(module), name))
    return found


def examples_of(service: str) -> Sequence[msgspec.Struct]:
    """`EXAMPLES` of the same room: what its routes take and answer."""
    return _room(service, "EXAMPLES")


def _room(service: str, name: str) -> Sequence[Any]:
    package = f"daira_{service}"
    if find_spec(package) is None or find_spec(f"{package}.routes") is None:
        return ()
    found: Sequence[Any] = getattr(import_module(f"{package}.routes"), name, ())
    return found


def handlers(routes: Sequence[HTTPRoute]) -> Iterator[tuple[HTTPRoute, HTTPRouteHandler]]:
    """Every handler somebody wrote: not the OPTIONS answers that Litestar adds by itself."""
    for route in routes:
        for handler in route.route_handlers:
            if handler.fn.__module__ != "litestar.routes.http":
                yield route, handler


def http_routes(app: Litestar | Router) -> list[HTTPRoute]:
    return [route for route in app.routes if isinstance(route, HTTPRoute)]


def _dependency_names(routes: Sequence[ControllerRouterHandler]) -> set[str]:
    """What the handlers ask for by name: the factory refuses routes whose dependencies nobody provides."""
    always = {"caller", "maybe_caller", "idempotency", "required_idempotency"}
    router = Router(path="/", route_handlers=list(routes))
    names: set[str] = set()
    for _, handler in handlers(http_routes(router)):
        hints = get_type_hints(handler.fn, include_extras=True)
        names |= {name for name, hint in hints.items() if _is_dependency(hint)}
    return names - always


def _is_dependency(hint: Any) -> bool:
    return any(isinstance(mark, Dependency) for mark in getattr(hint, "__metadata__", ()))
