"""The API of moderation."""

from litestar.types import ControllerRouterHandler

from daira_moderation.routes import cases

ROUTES: tuple[ControllerRouterHandler, ...] = cases.ROUTES
