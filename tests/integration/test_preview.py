"""The preview page in a real browser: log in against the sandbox, see the Circle, play the stream."""

import asyncio
from secrets import randbelow
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from daira_devtools.demo.report import Report
from daira_devtools.demo.scenario import AUTHOR, FOLLOWER, Outcome, play
from daira_devtools.stack import Endpoints
from daira_testing.browser import Watched
from daira_testing.clips import sample
from daira_testing.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcome(platform: Endpoints) -> Outcome:
    """An author, a follower and a video in between."""
    return await asyncio.to_thread(play, platform.gateway_url, sample().read_bytes(), Report())


async def test_a_follower_logs_in_and_the_stream_plays(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await watched.log_in(FOLLOWER[0])
    card = page.locator(f'[data-post="{outcome.post_id}"]')

    await expect(card).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(card.locator(".who")).to_contain_text(AUTHOR[2])
    await expect(card.locator(".tag").first).to_have_text("#دايرة")
    await watched.until_it_plays()
    await expect(card.locator(".chip")).to_contain_text("kbit/s")


async def test_the_page_speaks_english_from_left_to_right(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await watched.log_in(FOLLOWER[0])
    await page.click("#language")

    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await expect(page.locator(".facts").first).to_contain_text("likes")
    await watched.until_it_plays()


async def test_what_was_watched_is_told_once_the_viewer_leaves(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await watched.log_in(FOLLOWER[0])
    await watched.until_it_plays()
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
    await watched.log_in(f"+2010{randbelow(10**8):08}")
    await expect(page.locator("#empty")).to_be_visible()
    await page.fill("#handle", f"@{AUTHOR[1]}")
    await page.click("#follow-form .main")

    await expect(page.locator(f'[data-post="{outcome.post_id}"]')).to_be_visible(timeout=20_000)


async def test_leaving_ends_the_session(watched: Watched, outcome: Outcome) -> None:
    page = watched.page
    await watched.log_in(FOLLOWER[0])
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
    await expect(page.locator("#TrackEvents pre.curl")).to_contain_text("curl")
