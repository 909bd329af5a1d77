"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daira_admin.adapters.pages import read_folder
from daira_admin.handlers import SUBSCRIPTIONS
from daira_admin.projections import PROJECTIONS
from daira_admin.routes import ROUTES
from daira_admin.service import AdminService
from daira_admin.settings import Settings
from daira_runtime import Parts, Platform, Service

FOLDERS = ("preview", "docs")


@asynccontextmanager
async def build(settings: Settings, _platform: Platform) -> AsyncIterator[Parts]:
    """Pages need no store: they are in memory before the first request."""
    pages = {folder: read_folder(folder) for folder in FOLDERS}
    admin = AdminService(pages, shows_preview=settings.env == "dev")
    yield Parts(target=admin, routes=ROUTES, dependencies={"admin": admin}, subscriptions=SUBSCRIPTIONS)


SERVICE = Service("admin", Settings, build, projections=PROJECTIONS)
