"""A person is exported and then erased, on the whole platform: nothing is left, and no replay brings it back."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import httpx
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord
from msgspec.structs import replace
from PIL import Image
from psycopg import AsyncConnection

from daira_bus.producer import open_producer
from daira_contracts.auth import UserErasedV1
from daira_contracts.registry import EXPORTERS
from daira_contracts.topics import grouped_consumers, topics
from daira_contracts.user import ProfileChangedV1
from daira_devtools.demo.client import Phone
from daira_devtools.demo.tus import Upload
from daira_devtools.stack import Endpoints, Stack
from daira_kit.clock import now
from daira_testing.clips import Clip, make
from daira_testing.traces import find_traces, lag, read_topics, rewind
from daira_testing.waiting import PATIENCE, eventually

HURRIED_GRACE_DAYS = "0.00002"
DOWN = "moderation"
WORDS = "كلمات لا يقولها أحد غيري"
EDITED = "كلمات أخرى لا يقولها أحد غيري"
Look = Callable[[], Awaitable[Any]]


class Person:
    """Somebody with a phone, and everything of theirs that must not be found after the erasure."""

    def __init__(self, base_url: str, number: str) -> None:
        mark = secrets.token_hex(4)
        self.number, self.device = number, f"pixel-{mark}"
        self.handle, self.name, self.bio = f"h{mark}", f"اسم {mark}", f"سيرة {mark}"
        self.text, self.edited, self.tag = f"{WORDS} {mark} #وسم{mark}", f"{EDITED} {mark}", f"وسم{mark}"
        self.phone = Phone(base_url, self.name)
        self.secrets: list[str] = []
        self.media: list[str] = []

    @property
    def id(self) -> str:
        return self.phone.user_id

    @property
    def words(self) -> list[str]:
        """What names the person or was said by them. The number also without its country code."""
        national = self.number.removeprefix("+20")
        return [national, self.device, self.handle, self.name, self.bio, self.text, self.edited, self.tag]

    def log_in(self, device: str | None = None) -> None:
        device = device or self.device
        asked = {"phoneNumber": self.number, "device": {"id": device, "platform": "android", "canReadCallerId": True}}
        challenge = self.phone.post("/v1/auth/login", asked)
        code = self.phone.get("/v1/sandbox/messages", phoneNumber=self.number)["items"][-1]["code"]
        pair = self.phone.post("/v1/auth/verify", {"sessionId": challenge["sessionId"], "code": code})
        self.phone.sign_in(pair["accessToken"], pair["userId"])
        fresh = self.phone.post("/v1/auth/refresh", {"refreshToken": pair["refreshToken"], "deviceId": device})
        self.phone.sign_in(fresh["accessToken"], pair["userId"])
        tokens = [one[name] for one in (pair, fresh) for name in ("accessToken", "refreshToken")]
        self.secrets += [*tokens, f'"{code}"', f"code={code}"]

    def upload(self, data: bytes, filetype: str, purpose: str) -> str:
        upload = Upload(self.phone, data, filetype=filetype, purpose=purpose, filename=f"{self.handle}.bin")
        upload.send(256 * 1024, lambda offset: None)
        self.media.append(upload.media_id)
        return upload.media_id

    def post(self, text: str, *media: str) -> str:
        body = {"text": text, "mediaIds": list(media), "visibility": "PUBLIC"}
        return str(self.phone.post("/v1/posts", body, **{"Idempotency-Key": str(uuid4())})["id"])


async def until(look: Callable[[], Any], within: float = PATIENCE) -> Any:
    """What `look`, a call of a phone, finds at last."""

    async def looking() -> Any:
        return await asyncio.to_thread(look)

    return await eventually(looking, within=within, every=0.3)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hurried(platform: Endpoints, own_stack: Stack) -> AsyncIterator[Endpoints]:
    """The platform with days of grace that last two seconds."""
    service = own_stack.rows.service
    auth = {**service.own["auth"], "grace_days": HURRIED_GRACE_DAYS}
    rows = replace(own_stack.rows, service=replace(service, own={**service.own, "auth": auth}))
    await own_stack.stop("auth")
    await Stack(own_stack.folder, rows).start("auth")
    yield platform
    await own_stack.stop("auth")
    await own_stack.start("auth")


def picture() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def live(person: Person, friend: Person, video: bytes) -> list[str]:
    """Everything a person can leave behind; returns the posts."""
    for one in (person, friend):
        one.log_in()
    person.log_in("second-" + person.device)
    for one in (person, friend):
        body = {"handle": one.handle, "displayName": one.name, "bio": one.bio, "interests": ["music"]}
        one.phone.call("PATCH", "/v1/users/me", json=body)
        one.phone.call("PATCH", "/v1/users/me/settings", json={"dataSaver": "ALWAYS"})
    person.phone.call("PATCH", "/v1/users/me", json={"handle": person.handle + "x"})
    person.phone.call("PATCH", "/v1/users/me", json={"avatarMediaId": person.upload(picture(), "image/png", "AVATAR")})
    for one, other in ((person, friend), (friend, person)):
        one.phone.call("PUT", f"/v1/users/{other.id}/follow")
    image, clip = person.upload(picture(), "image/png", "IMAGE"), person.upload(video, "video/mp4", "VIDEO")
    posts = [person.post(person.text, image), person.post(person.text, clip), person.post(person.text)]
    friend.post(friend.text)
    person.phone.call("PATCH", f"/v1/posts/{posts[2]}", json={"text": person.edited})
    return posts


def look_around(person: Person, friend: Person, posts: list[str]) -> bool:
    """Both read their Circles and tell what they saw."""
    seen = {item["post"]["id"] for item in friend.phone.get("/v1/feed/circle")["items"]}
    mine = person.phone.get("/v1/feed/circle")["items"]
    return set(posts) <= seen and bool(mine)


def tell(person: Person, post: str) -> None:
    event = {"id": str(uuid4()), "eventType": "VIEW", "entityType": "POST", "entityId": post, "source": "CIRCLE"}
    person.phone.post("/v1/events", {"events": [event | {"occurredAt": now().isoformat(), "metadata": {}}]})


class Story:
    """One life on the platform, told once for all tests of this file."""

    def __init__(self, person: Person, friend: Person, posts: list[str], parts: dict[str, Any], url: str) -> None:
        self.person, self.friend, self.posts, self.parts, self.url = person, friend, posts, parts, url

    @property
    def needles(self) -> list[str]:
        return [*self.person.words, *self.person.secrets]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(hurried: Endpoints, own_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Lived, exported, and erased: the record of the erasure is in the log."""
    clip = make(tmp_path_factory.mktemp("clip") / "clip.mp4", Clip(seconds=2))
    numbers = (f"+2010{secrets.randbelow(10**8):08d}" for _ in range(2))
    person, friend = [Person(hurried.gateway_url, number) for number in numbers]
    posts = await asyncio.to_thread(live, person, friend, clip.read_bytes())
    await until(lambda: look_around(person, friend, posts), within=120)
    await asyncio.to_thread(tell, person, posts[0])
    await until(lambda: person.phone.get("/v1/users/me/events")["items"])
    await bury_profile(hurried, person)
    url = await export(person, own_stack)
    parts = _unpacked(person.phone.http.get(url).content)
    places = await find_traces(hurried, [*person.words, person.id])
    assert {place.split()[0] for place in places} == {"postgres", "redis", "cql", "s3", "kafka"}
    person.phone.call("DELETE", "/v1/users/me")

    async def is_told() -> bool:
        keys = {record.key for record in await records(hurried, UserErasedV1.topic)}
        return person.id.encode() in keys

    await eventually(is_told, every=1)
    return Story(person, friend, posts, parts, url)


async def records(stack: Endpoints, topic: str) -> list[ConsumerRecord]:
    return (await read_topics(stack, [topic]))[topic]


async def bury_profile(stack: Endpoints, person: Person) -> None:
    """As if feed could not have handled the newest profile."""
    told = await records(stack, ProfileChangedV1.topic)
    newest = [record for record in told if record.key == person.id.encode()][-1]
    async with open_producer(stack.kafka_bootstrap, "feed") as producer:
        await producer.send(f"{ProfileChangedV1.topic}.dlq.feed", newest.key, newest.value, [])


async def export(person: Person, stack: Stack) -> str:
    """Ask for the archive while one service is down; the URL, once that service is back and the archive is ready."""
    await stack.stop(DOWN)
    media_id = person.phone.post("/v1/users/me/export", {})["mediaId"]
    person.media.append(media_id)
    waiting = await until(lambda: person.phone.get(f"/v1/media/{media_id}"))
    assert (waiting["kind"], waiting["state"]) == ("EXPORT", "PROCESSING")
    await stack.start(DOWN)
    return str(await until(lambda: _archive_url(person, media_id), within=90))


def _archive_url(person: Person, media_id: str) -> str | None:
    answer = person.phone.http.get(f"/v1/media/{media_id}")
    view = answer.json()
    return view["variants"][0]["url"] if view.get("state") == "READY" else None


def _unpacked(archive: bytes) -> dict[str, Any]:
    with ZipFile(io.BytesIO(archive)) as packed:
        return {name.removesuffix(".json"): msgspec.json.decode(packed.read(name)) for name in packed.namelist()}


async def test_the_export_holds_what_each_service_knew(story: Story) -> None:
    person, parts = story.person, story.parts

    assert set(parts) == set(EXPORTERS)
    assert parts["auth"]["account"][0]["phone"] == person.number
    assert person.device in {session["deviceId"] for session in parts["auth"]["sessions"]}
    assert (parts["user"]["profile"][0]["handle"], parts["user"]["profile"][0]["bio"]) == (
        person.handle + "x",
        person.bio,
    )
    assert [one["userId"] for one in parts["user"]["following"]] == [story.friend.id]
    assert {one["id"] for one in parts["feed"]["posts"]} == set(story.posts)
    assert person.text in str(parts["feed"]["posts"])
    assert {one["id"] for one in parts["media"]["media"]} == set(person.media[:3])
    assert [one["id"] for one in parts["video"]["videos"]] == [person.media[2]]
    assert [one["entityId"] for one in parts["interaction"]["events"]] == [story.posts[0]]
    assert {one["subjectId"] for one in parts["moderation"]["verdicts"]} >= set(story.posts)


async def test_no_store_and_no_topic_holds_a_word_of_an_erased_person(story: Story, platform: Endpoints) -> None:
    async def nothing_is_left() -> bool:
        assert await find_traces(platform, story.needles) == []
        return True

    await eventually(nothing_is_left, every=2)
    gone = await asyncio.to_thread(story.friend.phone.http.get, f"/v1/users/{story.person.id}")
    circle = await asyncio.to_thread(story.friend.phone.get, "/v1/feed/circle")
    archive = await asyncio.to_thread(story.friend.phone.http.get, story.url)
    assert (gone.status_code, archive.status_code) == (404, 404)
    assert not {item["post"]["id"] for item in circle["items"]} & set(story.posts)


async def test_no_bytes_and_no_events_are_kept_under_the_ids_of_an_erased_person(
    story: Story, platform: Endpoints
) -> None:
    ids = [story.person.id, *story.person.media]

    async def nothing_is_left() -> bool:
        assert [place for place in await find_traces(platform, ids) if place.startswith(("s3", "cql"))] == []
        return True

    await eventually(nothing_is_left, every=2)


async def test_no_replay_brings_an_erased_person_back(story: Story, platform: Endpoints, own_stack: Stack) -> None:
    """Every projection reads its topics again from the start, as if it had never heard of anything."""
    heard = {
        service: [name for name, topic in topics().items() if service in grouped_consumers(topic)]
        for service in EXPORTERS
    }
    await own_stack.stop(*heard)
    for service, names in heard.items():
        async with await AsyncConnection.connect(platform.postgres_dsn(f"daira_{service}"), autocommit=True) as sql:
            await sql.execute("TRUNCATE inbox")
        await rewind(platform, service, names)
    await own_stack.start(*heard)

    async def is_read() -> bool:
        for service, names in heard.items():
            assert await lag(platform, service, names) == 0, service
        return True

    async def nothing_is_left() -> bool:
        assert await find_traces(platform, story.needles) == []
        return True

    await eventually(is_read, every=1)
    await eventually(nothing_is_left, every=2)


async def test_no_log_of_the_run_holds_a_number_a_code_or_a_token(story: Story, own_stack: Stack) -> None:
    forbidden = [
        needle
        for one in (story.person, story.friend)
        for needle in (one.number.removeprefix("+20"), *one.secrets, one.text, one.bio)
    ]
    logs = own_stack.folder.log("auth").parent
    found = {
        f"{file.name}: {needle}: {line[:300]}"
        for file in sorted(logs.glob("*.log"))
        for line in file.read_text(errors="replace").splitlines()
        for needle in forbidden
        if needle in line
    }

    assert found == set()


async def test_the_number_begins_a_new_life_with_nothing_of_the_old_one(story: Story, platform: Endpoints) -> None:
    again = Person(platform.gateway_url, story.person.number)
    await asyncio.to_thread(again.log_in)

    def profile() -> httpx.Response | None:
        answer = again.phone.http.get("/v1/users/me")
        return answer if answer.status_code == 200 else None

    me = (await until(profile)).json()

    assert again.id != story.person.id
    assert (me["bio"], me["followersCount"], me["followingCount"]) == ("", 0, 0)
