"""The public API of user."""

from litestar.types import ControllerRouterHandler

from daira_user.routes import exports, lists, preferences, profiles, relations
from daira_user.routes.examples import EXAMPLES

__all__ = ["EXAMPLES", "ROUTES"]
ROUTES: tuple[ControllerRouterHandler, ...] = (
    *profiles.ROUTES,
    *preferences.ROUTES,
    *relations.ROUTES,
    *lists.ROUTES,
    *exports.ROUTES,
)
