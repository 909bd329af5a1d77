"""The system's Chromium as an independent client, cut off from everything but the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PLAYED = "() => [...document.querySelectorAll('video')].some((video) => video.currentTime > 2)"
PLAY_PATIENCE_MS = 30_000
PICTURE_PATIENCE_MS = 15_000
PHONE = {"width": 390, "height": 844}


def chromium_path() -> str | None:
    """Where the system has a Chromium, if it has one."""
    return next(filter(None, map(which, NAMES)), None)


@asynccontextmanager
async def open_browser(path: str) -> AsyncIterator[Browser]:
    """The browser at `path`, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        await browser.close()


class Watched:
    """A page of which everything is noted that should not happen."""

    def __init__(self, page: Page, gateway: str) -> None:
        self.page, self.faults, self._host = page, list[str](), urlsplit(gateway).netloc
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._said)

    async def log_in(self, number: str, language: str = "ar") -> None:
        """Through the preview page, as a person would; the sandbox plays the phone."""
        await self.page.goto(f"/preview?lang={language}")
        await self.page.fill("#phone", number)
        await self.page.click("#phone-form .main")
        await self.page.click("#use")

    async def until_it_plays(self) -> None:
        """Until some video of the page has played for more than two seconds. Raises playwright's TimeoutError."""
        await self.page.wait_for_function(PLAYED, timeout=PLAY_PATIENCE_MS)

    async def take_pictures(self, folder: Path, name: str) -> None:
        """Writes `<name>.<language>.png`: the page as it stands and, where it has the switch, in its other language."""
        await self._take_picture(folder, name)
        switch = self.page.locator("#language")
        if await switch.is_visible():
            await switch.click()
            await self._take_picture(folder, name)

    async def _take_picture(self, folder: Path, name: str) -> None:
        language = await self.page.locator("html").get_attribute("lang")
        await self.page.screenshot(path=folder / f"{name}.{language}.png", timeout=PICTURE_PATIENCE_MS)

    async def keep_inside(self, route: Any) -> None:
        """Lets through what goes to the gateway; everything else is noted and never leaves."""
        if urlsplit(route.request.url).netloc == self._host:
            await route.continue_()
        else:
            self.faults.append(f"left the gateway: {route.request.url}")
            await route.abort()

    def _said(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.faults.append(message.text)


@asynccontextmanager
async def open_page(browser: Browser, gateway: str) -> AsyncIterator[Watched]:
    """A fresh visitor with a phone's screen; raises AssertionError at the end if anything had gone wrong."""
    context = await browser.new_context(base_url=gateway, viewport=PHONE)  # type: ignore[arg-type]
    watched = Watched(await context.new_page(), gateway)
    await context.route("http*://**/*", watched.keep_inside)
    yield watched
    await context.close()
    assert watched.faults == []
