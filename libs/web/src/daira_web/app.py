"""The application factory: a service brings its routes and dependencies, the rest is the same everywhere."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ControllerRouterHandler, Method, Receive, Scope, Send

from daira_kit.errors import BadRequest, DairaError, UnsupportedMediaType
from daira_stores.idempotency import Replayed
from daira_web.answers import complete
from daira_web.described import by_type, operation_of, success
from daira_web.guards import PUBLIC, provide_caller, provide_maybe_caller
from daira_web.health import HEALTH_ROUTES, Health
from daira_web.idempotency import provide_idempotency, provide_required_idempotency
from daira_web.middleware import around
from daira_web.problems import on_any, on_daira_error, on_http_exception, on_replayed
from daira_web.tokens import TokenVerifier

MAX_BODY = 1_000_000


class DescribedRoutes(ReceiveRoutePlugin):
    """Tells the API document errors, headers and examples of every operation, so that generated clients know them."""

    __slots__ = ("_examples",)

    def __init__(self, examples: Sequence[msgspec.Struct]) -> None:
        self._examples = by_type(examples)

    def receive_route(self, route: BaseRoute) -> None:
        """Called by Litestar for each route."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                answer = success(handler, self._examples)
                errors = complete(handler, has_path_parameters=bool(route.path_parameters))
                handler.responses = {**answer, **errors}
                handler.operation_class = operation_of(handler, self._examples)  # type: ignore[assignment] # is called
                if not handler.opt.get("public"):
                    handler.security = [{"bearer": []}]
                if len(handler.http_methods) > 1 and isinstance(handler.operation_id, str):
                    handler.operation_id = _by_method(handler.operation_id)


def _by_method(name: str) -> Callable[[HTTPRouteHandler, Method, list[Any]], str]:
    """GET keeps the name; the HEAD of the same handler is `<name>Head`: operation ids must be unique."""
    return lambda _handler, method, _path: name if method == "GET" else f"{name}{method.capitalize()}"


class DairaRequest(Request[Any, Any, Any]):
    """Also a body that the decoder cannot even begin to read is the client's mistake."""

    async def json(self) -> Any:
        """The body.

        Raises UnsupportedMediaType unless it says that it is application/json (a form of a foreign page cannot say
        so), BadRequest for bytes that are no UTF-8 and for lists in lists in lists.
        """
        if self.content_type[0] != MediaType.JSON:
            raise UnsupportedMediaType
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("The body cannot be read as JSON") from error


class DairaApp(Litestar):
    """Litestar with the request envelope around it, so that unmatched paths get an id and a log line too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """One ASGI connection."""
        await around(super().__call__, scope, receive, send)


@get("/openapi.json", operation_id="OpenApi", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def openapi_document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """This service's own OpenAPI document."""
    return request.app.openapi_schema.to_schema()


def create_app(
    *,
    service: str,
    routes: Sequence[ControllerRouterHandler],
    dependencies: Mapping[str, object],
    verifier: TokenVerifier,
    health: Health,
    examples: Sequence[msgspec.Struct] = (),
    on_startup: Sequence[Callable[[], Any]] = (),
    on_shutdown: Sequence[Callable[[], Any]] = (),
) -> Litestar:
    """`dependencies` are ready objects that routes receive by parameter name (`NamedDependency[…]`).

    `examples` are shown in the API document wherever a route takes or answers their type.
    Always there: `caller`, `maybe_caller`, `idempotency`, `required_idempotency`.
    """
    provided = {name: _constant(value) for name, value in dependencies.items()}
    return DairaApp(
        route_handlers=[*HEALTH_ROUTES, openapi_document, *routes],
        dependencies={
            "caller": Provide(provide_caller),
            "maybe_caller": Provide(provide_maybe_caller),
            "idempotency": Provide(provide_idempotency),
            "required_idempotency": Provide(provide_required_idempotency),
            **provided,
        },
        exception_handlers={
            DairaError: on_daira_error,
            HTTPException: on_http_exception,
            Replayed: on_replayed,
            Exception: on_any,
        },
        openapi_config=_openapi(service),
        request_class=DairaRequest,
        plugins=[DescribedRoutes(examples)],
        state=State({"verifier": verifier, "health": health}),
        request_max_body_size=MAX_BODY,
        on_startup=list(on_startup),
        on_shutdown=list(on_shutdown),
        logging_config=None,
    )


def _constant(value: object) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def _openapi(service: str) -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title=f"DAIRA {service}",
        version="1.0.0",
        path="/_schema",  # Litestar's own pages load scripts from a CDN; /openapi.json is served above
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={"bearer": bearer}),
        servers=[Server(url="/")],
    )
