"""Pictures of a page in both its languages."""

from collections.abc import AsyncIterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from daira_testing.browser import chromium_path, open_browser, open_page

PNG = b"\x89PNG"
PREVIEW = """<!doctype html><html lang="ar" dir="rtl"><link rel="icon" href="data:,"><p>دايرة</p>
<button id="language" onclick="document.documentElement.lang = 'en'">English</button></html>"""
DOCS = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><p>DAIRA</p></html>'


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def site(tmp_path: Path) -> Any:
    (tmp_path / "preview.html").write_text(PREVIEW)
    (tmp_path / "docs.html").write_text(DOCS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.fail("needs Chromium: apt-get install chromium")
    async with open_browser(path) as browser:
        yield browser


@pytest.mark.parametrize(("page", "languages"), [("preview", ["ar", "en"]), ("docs", ["en"])])
async def test_a_picture_for_each_language_of_the_page(
    site: str, browser: Browser, tmp_path: Path, page: str, languages: list[str]
) -> None:
    folder = tmp_path / "screenshots"
    async with open_page(browser, site) as watched:
        await watched.page.goto(f"/{page}.html")
        await watched.take_pictures(folder, page)

    assert sorted(path.name for path in folder.iterdir()) == [f"{page}.{language}.png" for language in languages]
    assert all(path.read_bytes().startswith(PNG) for path in folder.iterdir())
