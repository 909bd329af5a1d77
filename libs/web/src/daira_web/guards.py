"""Who may call a route. Every route names one of these guards or `opt=PUBLIC`."""

from types import MappingProxyType
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from daira_kit.errors import Forbidden
from daira_web.tokens import Caller, TokenInvalid, TokenVerifier

PUBLIC: dict[str, Any] = dict(MappingProxyType({"public": True}))
Connection = ASGIConnection[Any, Any, Any, Any]


async def signed_in(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Needs a valid access token. Raises TokenInvalid or TokenRevoked."""
    connection.state.caller = _verify(connection)


async def maybe_signed_in(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A token may be absent, but a bad one is refused."""
    if "authorization" in connection.headers:
        connection.state.caller = _verify(connection)


async def staff(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Needs the `staff` role."""
    caller = connection.state.caller = _verify(connection)
    if "staff" not in caller.roles:
        raise Forbidden


async def provide_caller(request: Connection) -> Caller:
    """The dependency `caller` of routes behind `signed_in` or `staff`."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise TokenInvalid
    return caller


async def provide_maybe_caller(request: Connection) -> Caller | None:
    """The dependency `maybe_caller` of routes behind `maybe_signed_in`."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller


def _verify(connection: Connection) -> Caller:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid
    verifier: TokenVerifier = connection.app.state.verifier
    return verifier.verify(token.strip())
