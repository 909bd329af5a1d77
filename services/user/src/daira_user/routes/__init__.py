"""The public API of user."""

from litestar.types import ControllerRouterHandler

from daira_user.routes import exports, lists, preferences, profiles, relations

ROUTES: tuple[ControllerRouterHandler, ...] = (
    *profiles.ROUTES,
    *preferences.ROUTES,
    *relations.ROUTES,
    *lists.ROUTES,
    *exports.ROUTES,
)
