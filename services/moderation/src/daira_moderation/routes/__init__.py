"""The API of moderation."""

from litestar.types import ControllerRouterHandler

from daira_moderation.routes import cases
from daira_moderation.routes.examples import EXAMPLES

__all__ = ["EXAMPLES", "ROUTES"]
ROUTES: tuple[ControllerRouterHandler, ...] = cases.ROUTES
