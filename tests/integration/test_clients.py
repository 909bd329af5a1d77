"""What an application relies on, tried with clients that are not ours: tus-js-client, Chromium, a bare socket."""

import asyncio
import json
import random
import socket
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import obstore
import pytest
import pytest_asyncio

from daira_devtools.root import checkout_root
from daira_devtools.stack import Endpoints, Stack
from daira_kit.settings import environment
from daira_media.domain.keys import original_key
from daira_stores.objects import open_objects
from daira_testing.browser import Watched
from daira_testing.clips import sample
from daira_testing.journal import Person, follower_and_author, person
from daira_testing.waiting import eventually

MIB = 1024 * 1024
SCRIPTS = checkout_root() / "services/media/tests/js"
PATIENT_DELAYS = [0, 250, 500, *[1000] * 60]
SECONDS_BEFORE_THE_CUT = [0.0, 0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
IS_FULL = environment("SIZE") == "full"
INSERTED = 50


def any_number() -> str:
    return f"+2010{uuid4().int % 10**8:08d}"


# Uploads


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tus_js() -> None:
    """tus-js-client from the package registry, once."""
    if not (SCRIPTS / "node_modules/tus-js-client").exists():
        command = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
        child = await asyncio.create_subprocess_exec(*command, cwd=SCRIPTS, stdout=PIPE, stderr=PIPE)
        _, err = await child.communicate()
        assert child.returncode == 0, err.decode()


def long_film(folder: Path, size: int) -> Path:
    """The sample with a `free` box behind it, as cameras leave when they reserve room."""
    film = sample().read_bytes()
    rest = size - len(film)
    path = folder / "film.mp4"
    path.write_bytes(film + rest.to_bytes(4, "big") + b"free" + random.Random(7).randbytes(rest - 8))
    return path


async def original(platform: Endpoints, owner: str, media_id: str) -> bytes:
    """What the object store holds of an upload."""
    store = open_objects(platform.s3_endpoint, platform.s3_access_key, platform.s3_secret_key, platform.s3_bucket)
    answer = await obstore.get_async(store, original_key(UUID(owner), UUID(media_id)))
    return bytes(await answer.bytes_async())


async def test_an_upload_outlives_the_death_of_media_and_plays_in_a_browser(
    platform: Endpoints, own_stack: Stack, tus_js: None, watched: Watched, tmp_path: Path
) -> None:
    film, number = long_film(tmp_path, 24 * MIB), any_number()
    async with person(platform.gateway_url, number) as follower, person(platform.gateway_url, any_number()) as author:
        await follower.client.put(f"/v1/users/{author.user_id}/follow")
        seen = await upload_through_a_death(platform, own_stack, author, film)
        media_id = urlsplit(seen["url"]).path.rpartition("/")[2]
        assert 503 in seen["statuses"]
        assert sha256(await original(platform, author.user_id, media_id)).digest() == sha256(film.read_bytes()).digest()
        stranger = await follower.client.head(f"/v1/uploads/{media_id}", headers={"Tus-Resumable": "1.0.0"})
        assert stranger.status_code == 404

        post_id = await post_media(author, media_id)

        async def shown() -> bool:
            return post_id in await follower.circle()

        await eventually(shown, every=0.5)

    await watched.log_in(number)
    await watched.until_it_plays()


async def upload_through_a_death(platform: Endpoints, own_stack: Stack, author: Person, film: Path) -> dict[str, Any]:
    """The last word of a client whose server is killed once 40 % have arrived."""
    order = {
        "endpoint": f"{platform.gateway_url}/v1/uploads",
        "token": author.client.headers["Authorization"].removeprefix("Bearer "),
        "file": str(film),
        "chunkSize": 5 * MIB,
        "pauseAt": 0.4,
        "retryDelays": PATIENT_DELAYS,
        "metadata": {"filename": "film.mp4", "filetype": "video/mp4", "purpose": "VIDEO"},
    }
    child = await asyncio.create_subprocess_exec(
        "node", "upload.mjs", json.dumps(order), cwd=SCRIPTS, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert child.stdin and child.stdout and child.stderr
    paused = json.loads(await child.stdout.readline() or b"{}")
    assert paused, (await child.stderr.read()).decode()
    assert (paused["done"], paused["offset"]) == (False, 10 * MIB)

    await own_stack.stop("media", kill=True)
    child.stdin.write(b"go on\n")
    await child.stdin.drain()
    await own_stack.start("media")
    out, err = await child.communicate()

    assert child.returncode == 0, err.decode()
    last: dict[str, Any] = json.loads(out)
    assert last["done"]
    return last


async def post_media(author: Person, media_id: str) -> str:
    body = {"text": "من تطبيق آخر", "mediaIds": [media_id], "visibility": "PUBLIC"}
    answer = await author.client.post("/v1/posts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


# The API page


async def test_the_api_page_says_of_every_route_what_it_does_needs_and_refuses(watched: Watched) -> None:
    page = watched.page
    await page.goto("/docs")
    document = await (await page.request.get("/openapi.json")).json()
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    await page.wait_for_function("() => document.querySelectorAll('details.route').length > 0")
    await page.evaluate("document.querySelectorAll('details.route').forEach((route) => { route.open = true; })")
    await page.wait_for_function(
        "(many) => document.querySelectorAll('details.route pre.curl').length === many", arg=len(operations)
    )

    told = await page.evaluate("""() => [...document.querySelectorAll('details.route')].map((route) => ({
        id: route.id,
        summary: route.querySelector('.sum').textContent,
        lock: route.querySelector('.lock').textContent,
        answers: [...route.querySelectorAll('.inside summary code')].map((code) => Number(code.textContent)),
        example: route.querySelector('pre.curl').textContent,
    }))""")

    needs_token = {operation["operationId"]: "security" in operation for operation in operations}
    assert {one["id"] for one in told} == set(needs_token)
    for one in told:
        assert one["summary"], one
        assert one["lock"] == ("Bearer token" if needs_token[one["id"]] else "public"), one
        assert any(status >= 400 for status in one["answers"]), one
        assert "curl" in one["example"], one


# Logging in


async def test_a_wrong_code_says_how_many_attempts_are_left_until_the_challenge_is_spent(platform: Endpoints) -> None:
    number = any_number()
    async with httpx.AsyncClient(base_url=platform.gateway_url, timeout=10, trust_env=False) as client:
        challenge = (await client.post("/v1/auth/login", json={"phoneNumber": number})).json()
        messages = (await client.get("/v1/sandbox/messages", params={"phoneNumber": number})).json()["items"]
        code = messages[-1]["code"]
        wrong = "000000" if code != "000000" else "111111"

        async def verify(guess: str) -> httpx.Response:
            return await client.post("/v1/auth/verify", json={"sessionId": challenge["sessionId"], "code": guess})

        refused = [await verify(wrong) for _ in range(5)]
        too_late = await verify(code)

    assert {"sessionId", "method", "expiresAt", "resendAfter"} <= set(challenge)
    assert "/v1/sandbox/messages" in challenge["message"]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(401, "otp_invalid")] * 5
    assert [one.json()["attemptsLeft"] for one in refused] == [4, 3, 2, 1, 0]
    assert (too_late.status_code, too_late.json()["code"]) == (410, "challenge_spent")


# A lost answer


def send_and_vanish(author: Person, body: bytes, key: str, *, sent: int, after: float) -> None:
    """POST the first `sent` bytes of `body`, wait, and reset the connection without reading an answer."""
    url = author.client.base_url
    head = (
        f"POST /v1/posts HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Type: application/json\r\n"
        f"Authorization: {author.client.headers['Authorization']}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.sendall(head.encode() + body[:sent])
        if after:
            connection.settimeout(after)
            try:
                connection.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                return


@pytest.mark.parametrize("round_number", range(20 if IS_FULL else 1))
@pytest.mark.sized(len(SECONDS_BEFORE_THE_CUT))
async def test_the_same_key_after_a_lost_answer_gives_one_post(round_number: int, platform: Endpoints) -> None:
    async with person(platform.gateway_url, any_number()) as author:
        texts = [f"مرة واحدة {number}" for number in range(len(SECONDS_BEFORE_THE_CUT))]
        for text, after in zip(texts, SECONDS_BEFORE_THE_CUT, strict=True):
            await post_with_a_lost_answer(author, text, after)

        async def listed() -> list[str]:
            return [item["text"] for item in await author.all(f"/v1/users/{author.user_id}/posts")]

        assert sorted(await listed()) == sorted(texts)


async def post_with_a_lost_answer(author: Person, text: str, after: float) -> None:
    """Cut in the middle of the body, cut after it, then twice to the end: all with one key."""
    key, body = str(uuid4()), json.dumps({"text": text}).encode()
    await asyncio.to_thread(send_and_vanish, author, body, key, sent=len(body) // 2, after=after)
    await asyncio.to_thread(send_and_vanish, author, body, key, sent=len(body), after=after)

    async def insist() -> httpx.Response | None:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        answer = await author.client.post("/v1/posts", content=body, headers=headers)
        return answer if answer.status_code != 409 else None

    first, second = await eventually(insist), await eventually(insist)
    assert first and second
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.content == first.content


# Scrolling


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(10 if IS_FULL else 1))
async def test_scrolling_neither_repeats_nor_skips_while_posts_arrive(seed: int, platform: Endpoints) -> None:
    chance = random.Random(seed)
    async with follower_and_author(platform.gateway_url) as (follower, early):
        for number in range(20):
            await early.post(f"قديم {number}")
        async with followed_by(follower, platform) as late:
            old = await circle_with(follower, early.posts)
            seen = await scroll(follower, late, chance)
            everything = await circle_with(follower, [*early.posts, *late.posts])

    assert len(late.posts) == INSERTED
    assert seen == old
    assert everything[INSERTED:] == old
    assert Counter(everything) == Counter([*early.posts, *late.posts])


@asynccontextmanager
async def followed_by(follower: Person, platform: Endpoints) -> AsyncIterator[Person]:
    """Somebody else whom the follower follows."""
    async with person(platform.gateway_url, any_number()) as other:

        async def follow() -> bool:
            return (await follower.client.put(f"/v1/users/{other.user_id}/follow")).is_success

        await eventually(follow)
        yield other


async def scroll(follower: Person, late: Person, chance: random.Random) -> list[str]:
    """Every post id met on the way down, while `late` publishes between two pages."""
    seen: list[str] = []
    place: dict[str, str | int] = {}
    while True:
        page = await follower.get("/v1/feed/circle", limit=chance.randint(1, 4), **place)
        seen += [item["post"]["id"] for item in page["items"]]
        if not page["hasMore"]:
            return seen
        place = {"cursor": page["nextCursor"]}
        fresh = min(INSERTED - len(late.posts), chance.randint(8, 14))
        await asyncio.gather(*(late.post(f"جديد {number}") for number in range(fresh)))
        await circle_with(follower, late.posts)


async def circle_with(follower: Person, posts: list[str]) -> list[str]:
    """The Circle once all of `posts` have arrived."""

    async def look() -> list[str] | None:
        circle = await follower.circle()
        return circle if set(posts) <= set(circle) else None

    circle = await eventually(look, every=0.2)
    assert circle is not None
    return circle


async def test_a_cursor_opens_only_the_list_and_the_reader_it_was_made_for(platform: Endpoints) -> None:
    async with follower_and_author(platform.gateway_url) as (follower, author):
        await author.post("مرحبا مرة أخرى")
        await circle_with(follower, author.posts)
        cursor = (await follower.get("/v1/feed/circle", limit=1))["nextCursor"]

        own = await follower.client.get("/v1/feed/circle", params={"cursor": cursor})
        refused = [
            await author.client.get("/v1/feed/circle", params={"cursor": cursor}),
            await follower.client.get(f"/v1/users/{author.user_id}/posts", params={"cursor": cursor}),
            await follower.client.get("/v1/users/me/events", params={"cursor": cursor}),
        ]

    assert own.status_code == 200
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(400, "cursor_invalid")] * 3
