"""The page of the API in a real browser: what it tells to do is done, as it is copied, in a shell."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import uuid4

from playwright.async_api import expect

from daira_devtools.stack import Endpoints
from daira_testing.browser import Watched
from daira_testing.journal import person

ANY_ID = "01935a7c-1b2c-7d3e-8f40-000000000001"
LENGTH = "Upload-Length: 1048576"


async def command_for(watched: Watched, operation: str) -> str:
    """The curl that the page shows for an operation."""
    page = watched.page
    await page.goto("/docs")
    await page.click(f"#{operation} > summary")
    shown = page.locator(f"#{operation} pre.curl code")
    await expect(shown).to_contain_text("curl")
    return await shown.inner_text()


async def run(command: str, folder: Path, token: str = "") -> str:
    """Standard output of the command, run as somebody does who set TOKEN before."""
    child = await asyncio.create_subprocess_exec(
        *("bash", "-euc", f"export TOKEN={token}\n{command}"), cwd=folder, stdout=PIPE, stderr=PIPE
    )
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


def headers_of(answer: str) -> dict[str, str]:
    _, *lines = answer.split("\r\n\r\n")[0].splitlines()
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_a_log_in_copied_from_the_page_begins_one(watched: Watched, tmp_path: Path) -> None:
    answer = json.loads(await run(await command_for(watched, "LogIn"), tmp_path))

    assert answer["sessionId"]
    assert answer["method"] in {"FLASH_CALL", "WHATSAPP_OTP", "SMS_OTP"}


async def test_an_upload_copied_from_the_page_is_created_and_takes_bytes(
    watched: Watched, platform: Endpoints, tmp_path: Path
) -> None:
    film = b"\x00\x00\x00\x18ftypmp42" + bytes(100)
    (tmp_path / "clip.mp4").write_bytes(film)
    create, write = await command_for(watched, "CreateUpload"), await command_for(watched, "WriteUpload")
    assert LENGTH in create
    async with person(platform.gateway_url, f"+2010{uuid4().int % 10**8:08d}") as someone:
        token = someone.client.headers["Authorization"].removeprefix("Bearer ")

        created = await run(create, tmp_path, token)
        upload = headers_of(created)["location"].rpartition("/")[2]
        written = await run(write.replace(ANY_ID, upload), tmp_path, token)

    assert " 201 " in created.splitlines()[0]
    assert " 204 " in written.splitlines()[0]
    assert headers_of(written)["upload-offset"] == str(len(film))
