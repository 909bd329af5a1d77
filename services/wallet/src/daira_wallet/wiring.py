"""The only place that builds objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daira_runtime import Parts, Platform, Service
from daira_wallet.settings import Settings


@asynccontextmanager
async def build(_settings: Settings, _platform: Platform) -> AsyncIterator[Parts]:
    """No feature yet: health, metrics and an empty API, served like everybody's."""
    yield Parts()


SERVICE = Service("wallet", Settings, build)
