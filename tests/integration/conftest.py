"""The whole platform on the stack of this run: eleven services and the gateway, spoken to from outside only."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from daira_devtools.stack import ALL, Endpoints, Stack
from daira_testing.browser import Watched, chromium_path, open_browser, open_page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(own_stack: Stack) -> AsyncIterator[Endpoints]:
    """Started on first use; stopped with the stack."""
    await own_stack.up(own_stack.base, ALL)
    yield own_stack.endpoints


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of the system."""
    path = chromium_path()
    if path is None:
        pytest.fail("the preview is tested in Chromium, and there is none: apt-get install chromium")
    async with open_browser(path) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def watched(
    browser: Browser, platform: Endpoints, own_stack: Stack, request: pytest.FixtureRequest
) -> AsyncIterator[Watched]:
    """A fresh visitor with a phone's screen; nothing may have gone wrong at the end.

    What the visitor saw last, in both languages, is kept in `.stack/<name>/screenshots/`.
    """
    async with open_page(browser, platform.gateway_url) as watched:
        yield watched
        await watched.take_pictures(own_stack.folder.path / "screenshots", request.node.name)
