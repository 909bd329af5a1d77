"""The preview page in a real browser: log in against the sandbox, see the Circle, play the stream."""

import asyncio
from collections.abc import AsyncIterator
from secrets import randbelow
from shutil import which
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from daira_devtools.demo.report import Report
from daira_devtools.demo.scenario import AUTHOR, FOLLOWER, Outcome, play
from daira_devtools.stack import Endpoints
from daira_testing.clips import sample
from daira_testing.waiting import eventually

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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcome(platform: Endpoints) -> Outcome:
    """An author, a follower and a video in between."""
    return await asyncio.to_thread(play, platform.gateway_url, sample().read_bytes(), Report())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of the system."""
    path = next(filter(None, map(which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        await browser.close()


class Watched:
    """A page of which everything is noted that should not happen."""

    def __init__(self, page: Page, gateway: str) -> None:
        self.page, self.faults, self._host = page, list[str](), urlsplit(gateway).netloc
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._asked)
        page.on("console", self._said)

    def _asked(self, request: Any) -> None:
        where = urlsplit(request.url)
        if where.scheme.startswith("http") and where.netloc != self._host:
            self.faults.append(f"left the gateway: {request.url}")

    def _said(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.faults.append(message.text)


@pytest_asyncio.fixture(loop_scope="session")
async def watched(browser: Browser, platform: Endpoints) -> AsyncIterator[Watched]:
    """A fresh visitor with a phone's screen; nothing may have gone wrong at the end."""
    context = await browser.new_context(base_url=platform.gateway_url, viewport={"width": 390, "height": 844})
    watched = Watched(await context.new_page(), platform.gateway_url)
    yield watched
    await context.close()
    assert watched.faults == []


async def log_in(page: Page, number: str, language: str = "ar") -> None:
    await page.goto(f"/preview?lang={language}")
    await page.fill("#phone", number)
    await page.click("#phone-form .main")
    await page.click("#use")


async def test_a_follower_logs_in_and_the_stream_plays(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await log_in(page, FOLLOWER[0])
    card = page.locator(f'[data-post="{outcome.post_id}"]')

    await expect(card).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(card.locator(".who")).to_contain_text(AUTHOR[2])
    await expect(card.locator(".tag").first).to_have_text("#دايرة")
    await page.wait_for_function(PLAYED, timeout=30_000)
    await expect(card.locator(".chip")).to_contain_text("kbit/s")


async def test_the_page_speaks_english_from_left_to_right(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await log_in(page, FOLLOWER[0])
    await page.click("#language")

    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await expect(page.locator(".facts").first).to_contain_text("likes")
    await page.wait_for_function(PLAYED, timeout=30_000)


async def test_what_was_watched_is_told_once_the_viewer_leaves(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await log_in(page, FOLLOWER[0])
    await page.wait_for_function(PLAYED, timeout=30_000)
    tokens = await page.evaluate("JSON.parse(sessionStorage.getItem('daira.session'))")
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}

    async with page.expect_response(
        lambda answer: "/v1/events" in answer.url and answer.request.method == "POST"
    ) as told:
        await page.click("#refresh")

    assert (await (await told.value).json())["rejected"] == []

    async def watch() -> dict[str, Any] | None:
        answer = await page.request.get("/v1/users/me/events", headers=headers)
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return next((one for one in items if one["eventType"] == "WATCH" and one["entityId"] == outcome.post_id), None)

    stored = await eventually(watch)
    assert stored is not None
    assert 0 < stored["metadata"]["watchTime"] <= stored["metadata"]["duration"] == 5.28


async def test_a_wrong_code_is_explained_in_the_readers_language(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await page.goto("/preview")
    await page.fill("#phone", "+201000000198")
    await page.click("#phone-form .main")
    await expect(page.locator("#message")).to_be_visible()
    code = await page.locator("#message-text").text_content()
    await page.fill("#code", "000000" if code != "000000" else "111111")
    await page.click("#code-form .main")

    await expect(page.locator("#problem")).to_contain_text("محاولات فاضلة")
    await expect(page.locator("#welcome")).to_be_visible()


async def test_a_newcomer_follows_somebody_and_sees_their_video(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await log_in(page, f"+2010{randbelow(10**8):08}")
    await expect(page.locator("#empty")).to_be_visible()
    await page.fill("#handle", f"@{AUTHOR[1]}")
    await page.click("#follow-form .main")

    await expect(page.locator(f'[data-post="{outcome.post_id}"]')).to_be_visible(timeout=20_000)


async def test_leaving_ends_the_session(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await log_in(page, FOLLOWER[0])
    await expect(page.locator(".post").first).to_be_visible()
    await page.click("#leave")

    await expect(page.locator("#phone")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_the_api_page_lists_every_route_and_explains_one(watched: Watched) -> None:
    page = watched.page
    await page.goto("/docs")
    document = await (await page.request.get("/openapi.json")).json()
    operations = sum(len(item) for item in document["paths"].values())

    await expect(page.locator("nav a")).to_have_count(operations)
    await page.fill("#search", "events")
    await page.click("#TrackEvents > summary")
    await expect(page.locator("#TrackEvents")).to_contain_text("NOT_INTERESTED")
    await expect(page.locator("#TrackEvents pre")).to_contain_text("curl")
