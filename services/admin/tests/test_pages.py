"""The pages as files: complete, cacheable, and with nothing from elsewhere."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient

from daira_admin.adapters.pages import read_folder
from daira_admin.settings import Settings
from daira_admin.wiring import build
from daira_runtime import open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling

ELSEWHERE = re.compile(r"""(?:src|href|url|import|from|fetch)\s*[=(]?\s*["'(]\s*(?:https?:)?//""")
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\son[a-z]+=|style=\"|javascript:", re.IGNORECASE)
REFERENCE = re.compile(r"""(?:src|href)="(/(?:preview|docs)/[^"]+)"|from "\./([^"]+)\"""")
OWN_MOST_BYTES = 60_000


@pytest.fixture
async def settings(make_database: MakeDatabase, common_settings: Callable[[Database], dict[str, Any]]) -> Settings:
    return Settings(**common_settings(await make_database("admin")))


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[AsyncClient]:
    async with open_process("admin", settings, build) as process, calling(process.app) as opened:
        yield opened


@pytest.mark.parametrize("page", ["/preview", "/docs"])
async def test_a_page_and_all_it_names_are_served_under_a_strict_policy(client: AsyncClient, page: str) -> None:
    waiting, seen = [page], set[str]()
    while waiting:
        path = waiting.pop()
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        seen.add(path)
        if "vendor" not in path and ".min." not in path:
            found = [whole or f"{page}/{module}" for whole, module in REFERENCE.findall(answer.text)]
            waiting += [one for one in found if one not in seen]
    assert len(seen) >= 3


@pytest.mark.parametrize("folder", ["preview", "docs"])
def test_our_own_files_name_nothing_from_elsewhere_and_run_nothing_inline(folder: str) -> None:
    own = {name: file.body.decode() for name, file in read_folder(folder).items() if ".min." not in name}

    assert {name for name, text in own.items() if ELSEWHERE.search(text)} == set()
    assert {name for name, text in own.items() if name.endswith(".html") and INLINE.search(text)} == set()
    assert {name for name, text in own.items() if "innerHTML" in text or "eval(" in text} == set()
    assert sum(len(text.encode()) for text in own.values()) < OWN_MOST_BYTES


@pytest.mark.parametrize(
    ("name", "kind"),
    [("", "text/html"), ("/main.js", "text/javascript"), ("/style.css", "text/css"), ("/icon.svg", "image/svg+xml")],
)
async def test_files_say_what_they_are(client: AsyncClient, name: str, kind: str) -> None:
    answer = await client.get(f"/preview{name}")

    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_browser_that_has_the_file_gets_no_bytes(client: AsyncClient) -> None:
    first = await client.get("/preview/hls.light.min.js")

    again = await client.get("/preview/hls.light.min.js", headers={"if-none-match": first.headers["etag"]})

    assert len(first.content) > 100_000
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "README.md", "..%2F..%2Fsettings.py", "hls.light.min.js.LICENSE"])
async def test_nothing_else_of_the_package_is_served(client: AsyncClient, name: str) -> None:
    answer = await client.get(f"/preview/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_production_has_no_preview(settings: Settings) -> None:
    production = msgspec.structs.replace(settings, env="prod")
    async with open_process("admin", production, build) as process, calling(process.app) as client:
        preview, script, docs = [await client.get(path) for path in ("/preview", "/preview/main.js", "/docs")]

    assert (preview.status_code, script.status_code, docs.status_code) == (404, 404, 200)


def test_both_languages_have_the_same_words() -> None:
    text = read_folder("preview")["words.js"].body.decode()
    arabic, english = (set(re.findall(r"\b(\w+): \"", part)) for part in text.split("  en: {"))

    assert arabic == english
    used = set(re.findall(r'data-(?:text|label)="(\w+)"', read_folder("preview")["index.html"].body.decode()))
    assert used <= arabic
