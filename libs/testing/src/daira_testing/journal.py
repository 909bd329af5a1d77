"""A person who keeps using the application while servers die, and remembers every request that was answered yes."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from daira_kit.clock import now
from daira_testing.waiting import eventually

Answer = dict[str, Any]
TUS = {"Tus-Resumable": "1.0.0"}
TRY_AGAIN = (409, 423, 429)
LONGEST_PAUSE = 2.0
"""Longer than the minute that a limit on posts lasts, in seconds."""


class Person:
    """One signed-in client of the gateway. Refused and broken requests are repeated as an application would."""

    def __init__(self, client: httpx.AsyncClient, user_id: str) -> None:
        self.client, self.user_id = client, user_id
        self.posts: list[str] = []
        self.events: list[str] = []
        self.refused = 0

    async def post(self, text: str, media_ids: Sequence[str] = ()) -> str:
        """A post; the same Idempotency-Key until it is accepted."""
        headers = {"Idempotency-Key": str(uuid4())}
        body = {"text": text, "mediaIds": list(media_ids), "visibility": "PUBLIC"}
        answer = await self._insist("POST", "/v1/posts", json=body, headers=headers)
        self.posts.append(answer["id"])
        return str(answer["id"])

    async def view(self, post_id: str) -> None:
        """A VIEW event; the same client id until it is accepted."""
        event: Answer = {
            "id": str(uuid4()),
            "eventType": "VIEW",
            "entityType": "POST",
            "entityId": post_id,
            "source": "CIRCLE",
            "occurredAt": now().isoformat(),
            "metadata": {},
        }
        answer = await self._insist("POST", "/v1/events", json={"events": [event]})
        assert answer["accepted"] == 1, answer
        self.events.append(event["id"])

    async def upload(self, data: bytes) -> "Upload":
        """The beginning of a tus upload of an MP4 file; nothing of it is sent yet."""
        metadata = f"filetype {b64encode(b'video/mp4').decode()},purpose {b64encode(b'VIDEO').decode()}"
        headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": metadata}
        return Upload(self, await self.insist("POST", "/v1/uploads", headers=headers), data)

    async def circle(self) -> list[str]:
        """Every post id in the Circle, page by page."""
        return [item["post"]["id"] for item in await self.all("/v1/feed/circle")]

    async def stored_events(self) -> list[str]:
        """Every event id the platform holds of this person."""
        return [item["id"] for item in await self.all("/v1/users/me/events")]

    async def get(self, path: str, **params: str | int) -> Answer:
        """GET, insisting."""
        return await self._insist("GET", path, params=params)

    async def all(self, path: str) -> list[Answer]:
        """Every item of a list, page by page."""
        items: list[Answer] = []
        params: dict[str, str | int] = {"limit": 100}
        while True:
            page = await self.get(path, **params)
            items += page["items"]
            if not page["hasMore"]:
                return items
            params["cursor"] = page["nextCursor"]

    async def _insist(self, method: str, path: str, **options: Any) -> Answer:
        return dict((await self.insist(method, path, **options)).json())

    async def insist(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The first answer that is a yes; a definite no raises AssertionError."""
        answer = await eventually(lambda: self.attempt(method, path, **options), every=0.1)
        assert answer is not None
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer

    async def attempt(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer to one request, or None if it was broken or refused for now."""
        try:
            response = await self.client.request(method, path, **options)
        except httpx.HTTPError:
            self.refused += 1
            return None
        if response.status_code >= 500 or response.status_code in TRY_AGAIN:
            self.refused += 1
            await _wait_as_told(response)
            return None
        return response


async def _wait_as_told(refusal: httpx.Response) -> None:
    """A service that is down refuses at once: who asks without a pause spends the minute's limit on refusals."""
    told = refusal.headers.get("Retry-After", "")
    await asyncio.sleep(min(float(told), LONGEST_PAUSE) if told.isdecimal() else 0)


class Upload:
    """One tus upload, as an application in poor reception does it."""

    def __init__(self, person: Person, created: httpx.Response, data: bytes) -> None:
        self.person, self.data = person, data
        self.path = urlsplit(created.headers["Location"]).path
        self.media_id = created.headers["Upload-Media-Id"]
        self.resumed = 0
        self.in_the_middle = asyncio.Event()

    async def send(self, go_on: asyncio.Event | None = None) -> None:
        """All of it in one PATCH that stands still in the middle until `go_on`; a broken one is resumed."""
        offset = 0
        while offset < len(self.data):
            headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            headers["Content-Length"] = str(len(self.data) - offset)
            answer = await self.person.attempt("PATCH", self.path, content=self._rest(offset, go_on), headers=headers)
            if answer is None:
                self.resumed += 1
                answer = await self.person.insist("HEAD", self.path, headers=TUS)
            assert answer.is_success, (answer.status_code, answer.text)
            offset = int(answer.headers["Upload-Offset"])

    async def _rest(self, offset: int, go_on: asyncio.Event | None) -> AsyncIterator[bytes]:
        middle = max(offset, len(self.data) // 2)
        yield self.data[offset:middle]
        self.in_the_middle.set()
        if go_on is not None:
            await go_on.wait()
        yield self.data[middle:]


@asynccontextmanager
async def person(gateway: str, number: str) -> AsyncIterator[Person]:
    """Log in with a phone number through the sandbox, as patiently as an application does."""
    async with httpx.AsyncClient(base_url=gateway, timeout=10, trust_env=False) as client:
        nobody = Person(client, "")
        login = await nobody._insist("POST", "/v1/auth/login", json={"phoneNumber": number})
        messages = await nobody.get("/v1/sandbox/messages", phoneNumber=number)
        body = {"sessionId": login["sessionId"], "code": messages["items"][-1]["code"]}
        tokens = await nobody._insist("POST", "/v1/auth/verify", json=body)
        client.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        yield Person(client, tokens["userId"])


@asynccontextmanager
async def follower_and_author(gateway: str) -> AsyncIterator[tuple[Person, Person]]:
    """Two new people; the first follows the second."""
    numbers = [f"+2010{uuid4().int % 10**8:08d}" for _ in range(2)]
    async with person(gateway, numbers[0]) as follower, person(gateway, numbers[1]) as author:

        async def follow() -> bool:
            response = await follower.attempt("PUT", f"/v1/users/{author.user_id}/follow")
            return response is not None and response.is_success and response.json()["state"] == "FOLLOWING"

        await eventually(follow)
        first = await author.post("مرحبا")

        async def arrived() -> bool:
            return first in await follower.circle()

        await eventually(arrived)
        yield follower, author


async def use(follower: Person, author: Person, stop: asyncio.Event) -> None:
    """Posts and views without a pause until `stop`."""
    number = 0
    while not stop.is_set():
        number += 1
        post_id = await author.post(f"منشور رقم {number}")
        await follower.view(post_id)
        await asyncio.sleep(0.05)
