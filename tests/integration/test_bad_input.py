"""What people and attackers send, through the gateway to the running platform: a clear problem, and nothing happens."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey
from psycopg.rows import dict_row

from daira_auth.domain.secrets import derive, unseal
from daira_devtools.demo.client import Phone
from daira_devtools.demo.tus import Upload
from daira_devtools.stack import Endpoints, Stack
from daira_kit.clock import now
from daira_testing.journal import Person, person
from daira_testing.waiting import eventually

PNG = urlsafe_b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk-M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
UNKNOWN = "01935a7c-1b2c-7d3e-8f40-000000000001"


def any_number() -> str:
    return f"+2010{uuid4().int % 10**8:08d}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(platform: Endpoints) -> AsyncIterator[tuple[Person, Person]]:
    """Two who do not know each other."""
    async with AsyncExitStack() as opened:
        one, other = [await opened.enter_async_context(person(platform.gateway_url, any_number())) for _ in range(2)]
        await one.post("أول منشور")
        yield one, other


@pytest.fixture(scope="module")
def me(people: tuple[Person, Person]) -> Person:
    return people[0]


@pytest.fixture(scope="module")
def stranger(people: tuple[Person, Person]) -> Person:
    return people[1]


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["requestId"] == answer.headers["x-request-id"]
    return problem


# Text


def nested(depth: int) -> bytes:
    return b'{"text":' + b"[" * depth + b"]" * depth + b"}"


BAD_POSTS: dict[str, tuple[bytes | dict[str, Any], int, str]] = {
    "nothing to read": ({"text": ""}, 400, "validation_failed"),
    "only what cannot be seen": ({"text": "\u200b\u200d\u2060\ufeff\u202e \u2066"}, 400, "validation_failed"),
    "too long": ({"text": "ا" * 5_001}, 400, "validation_failed"),
    "far too long": ({"text": "ا" * 20_001}, 400, "validation_failed"),
    "longer than the edge lets through": (b'{"text":"' + b"a" * 1_100_000 + b'"}', 413, "payload_too_large"),
    "an unknown field": ({"text": "x", "state": "PUBLISHED"}, 400, "validation_failed"),
    "a field in another spelling": ({"text": "x", "media_ids": []}, 400, "validation_failed"),
    "another type": ({"text": 5}, 400, "validation_failed"),
    "an unknown visibility": ({"text": "x", "visibility": "EVERYBODY"}, 400, "validation_failed"),
    "not an id": ({"text": "x", "mediaIds": ["1; DROP TABLE post"]}, 400, "validation_failed"),
    "a medium twice": ({"text": "x", "mediaIds": [UNKNOWN, UNKNOWN]}, 400, "validation_failed"),
    "cut off": (b'{"text": "x', 400, "bad_request"),
    "not JSON": (b"text=x", 400, "bad_request"),
    "not UTF-8": (b'{"text": "\xff\xfe"}', 400, "bad_request"),
    "half a surrogate pair": (b'{"text": "\\ud83d"}', 400, "bad_request"),
    "nested without end": (nested(100_000), 400, "bad_request"),
    "a list": (b"[]", 400, "validation_failed"),
    "nothing at all": (b"", 400, "validation_failed"),
}


async def posts_of(author: Person) -> list[str]:
    return [post["id"] for post in await author.all(f"/v1/users/{author.user_id}/posts")]


@pytest.mark.parametrize("name", BAD_POSTS)
async def test_a_bad_post_is_refused_and_not_made(name: str, me: Person) -> None:
    body, status, code = BAD_POSTS[name]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    before = await posts_of(me)

    answer = await me.client.post("/v1/posts", content=content, headers={"Content-Type": "application/json"})

    assert_problem(answer, status, code)
    assert await posts_of(me) == before


async def test_the_reader_never_gets_what_cannot_be_seen_or_turns_the_text_around(me: Person) -> None:
    typed = "مر\u200bحبا \u202eabc\u202c \u2066x\u2069 \u0000\u0007#وس\u2060م\r\n👨‍👩‍👧 می‌خواهم"

    made = (await me.client.post("/v1/posts", json={"text": typed})).json()
    await me.client.delete(f"/v1/posts/{made['id']}")

    assert made["text"] == "مرحبا abc x #وسم\n👨‍👩‍👧 می‌خواهم"
    assert made["hashtags"] == ["وسم"]


async def test_a_bad_word_does_not_hide_behind_what_cannot_be_seen(stranger: Person) -> None:
    made = (await stranger.client.post("/v1/posts", json={"text": "يا خ\u200bو\u2060ـ\u064eل"})).json()

    async def rejected() -> bool:
        return bool((await stranger.get(f"/v1/posts/{made['id']}"))["state"] == "REJECTED")

    await eventually(rejected)


@pytest.mark.parametrize(
    "profile",
    [
        {"handle": "admin"},
        {"handle": "аdmin_x"},  # the first letter is Cyrillic
        {"handle": "me\u202egpj"},
        {"displayName": "x" * 1_000},
        {"bio": "x" * 10_000},
        {"isPrivate": "maybe"},
        {"followersCount": 1_000_000},
        {"avatarMediaId": "../../etc/passwd"},
    ],
    ids=str,
)
async def test_a_bad_profile_is_refused_and_changes_nothing(profile: dict[str, Any], me: Person) -> None:
    before = await me.get("/v1/users/me")

    answer = await me.client.patch("/v1/users/me", json=profile)

    assert answer.status_code in (400, 409, 422), answer.text
    assert_problem(answer, answer.status_code, answer.json()["code"])
    assert await me.get("/v1/users/me") == before


# Other people's things


def upload_image(platform: Endpoints, owner: Person) -> str:
    phone = Phone(platform.gateway_url, "owner")
    phone.sign_in(owner.client.headers["Authorization"].removeprefix("Bearer "), owner.user_id)
    upload = Upload(phone, PNG, filetype="image/png", purpose="IMAGE", filename="../../x.png")
    upload.send(1024, lambda offset: None)
    phone.close()
    return upload.media_id


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def foreign_image(platform: Endpoints, stranger: Person) -> str:
    """Ready, and the stranger's."""
    media_id = upload_image(platform, stranger)

    async def ready() -> bool:
        return bool((await stranger.get(f"/v1/media/{media_id}"))["state"] == "READY")

    await eventually(ready)
    return media_id


async def test_somebody_elses_picture_cannot_be_posted(me: Person, foreign_image: str) -> None:
    made = await me.client.post("/v1/posts", json={"text": "صورتي", "mediaIds": [foreign_image]})
    if made.status_code == 201:  # feed had not heard of the picture yet

        async def rejected() -> dict[str, Any] | None:
            post = await me.get(f"/v1/posts/{made.json()['id']}")
            return post if post["state"] == "REJECTED" else None

        post = await eventually(rejected)
        assert post and post["rejectCode"] == "media_not_found"
    else:
        assert_problem(made, 400, "validation_failed")


async def test_somebody_elses_picture_is_no_avatar(me: Person, foreign_image: str) -> None:
    answer = await me.client.patch("/v1/users/me", json={"avatarMediaId": foreign_image})

    assert answer.status_code in (400, 404, 422), answer.text
    assert (await me.get("/v1/users/me"))["avatarMediaId"] is None


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_somebody_elses_upload_is_not_there(method: str, me: Person, foreign_image: str) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await me.client.request(method, f"/v1/uploads/{foreign_image}", headers=headers)

    assert answer.status_code == 404


async def test_somebody_elses_post_is_neither_edited_nor_removed(me: Person, stranger: Person) -> None:
    path = f"/v1/posts/{me.posts[0]}"

    edited = await stranger.client.patch(path, json={"text": "غيرته"})
    removed = await stranger.client.delete(path)

    assert (edited.status_code, removed.status_code) == (403, 403)
    assert (await me.get(path))["text"] == "أول منشور"


# Uploads

BAD_CHUNKS: dict[str, tuple[dict[str, str], bytes, int, str]] = {
    "at another offset": ({"Upload-Offset": "7"}, b"x" * 10, 409, "upload_offset_mismatch"),
    "at no offset": ({"Upload-Offset": "seven"}, b"x" * 10, 400, "upload_header_invalid"),
    "damaged on the way": ({"Upload-Checksum": f"sha1 {'A' * 27}="}, b"x" * 10, 460, "checksum_mismatch"),
    "with an unknown checksum": ({"Upload-Checksum": "crc32 AAAA"}, b"x" * 10, 400, "checksum_unsupported"),
    "longer than declared": ({}, b"x" * 101, 413, "upload_too_large"),
    "of another type": ({"Content-Type": "video/mp4"}, b"x" * 10, 415, "upload_content_type_wrong"),
    "of another version": ({"Tus-Resumable": "0.2.2"}, b"x" * 10, 412, "tus_version_unsupported"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def begun(me: Person) -> str:
    """The path of an upload of 100 bytes that holds none yet."""
    made = await me.client.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "100"})
    assert made.status_code == 201
    return urlsplit(made.headers["Location"]).path


@pytest.mark.parametrize("name", BAD_CHUNKS)
async def test_a_bad_chunk_is_refused_and_nothing_of_it_kept(name: str, me: Person, begun: str) -> None:
    changes, body, status, code = BAD_CHUNKS[name]
    content_type = "application/offset+octet-stream"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": content_type, **changes}

    answer = await me.client.patch(begun, content=body, headers=headers)

    assert_problem(answer, status, code)
    kept = await me.client.head(begun, headers={"Tus-Resumable": "1.0.0"})
    assert kept.headers["Upload-Offset"] == "0"


# Cursors

LISTS = [
    "/v1/feed/circle",
    "/v1/users/me/events",
    "/v1/users/me/blocks",
    "/v1/users/me/follow-requests",
    "/v1/users/{me}/followers",
    "/v1/users/{me}/posts",
    "/v1/auth/sessions",
]
CURSORS = ["x", "null", "é" * 3, "AAAA" * 20, urlsafe_b64encode(b'[9999999999999,"f"]' * 2).decode(), "A" * 3_000]


@pytest.mark.parametrize("path", LISTS)
async def test_an_invented_cursor_is_refused_by_every_list(path: str, me: Person) -> None:
    for cursor in CURSORS:
        answer = await me.client.get(path.format(me=me.user_id), params={"cursor": cursor})
        assert_problem(answer, 400, "cursor_invalid")


async def test_a_cursor_with_one_changed_character_is_refused(stranger: Person) -> None:
    await stranger.post("واحد")
    await stranger.post("اثنان")
    path = f"/v1/users/{stranger.user_id}/posts"
    cursor = (await stranger.get(path, limit=1))["nextCursor"]

    for place in range(0, len(cursor), 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        assert_problem(await stranger.client.get(path, params={"cursor": changed}), 400, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1e3", "many", ""])
async def test_a_page_has_1_to_100_items(limit: str, me: Person) -> None:
    answer = await me.client.get("/v1/feed/circle", params={"limit": limit})

    assert_problem(answer, 400, "validation_failed")


# Tokens


class Signer(msgspec.Struct, frozen=True):
    """The key that signs on this stack right now, and a token it made."""

    key: ECKey
    kid: str
    claims: dict[str, Any]

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not None}
        head = {"alg": "ES256", "kid": self.kid, "typ": "at+jwt", **(header or {})}
        return jwt.encode(head, claims, self.key)


def opened(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signer(platform: Endpoints, own_stack: Stack, me: Person) -> Signer:
    """What nobody outside auth ever holds: only so can a token be wrong in one thing and right in all others."""
    header, claims, _ = me.client.headers["Authorization"].removeprefix("Bearer ").split(".")
    kid = opened(header)["kid"]
    async with await psycopg.AsyncConnection.connect(platform.postgres_dsn("daira_auth"), row_factory=dict_row) as link:
        row = await (await link.execute("SELECT sealed_private FROM signing_key WHERE kid = %s", (kid,))).fetchone()
    assert row
    sealing = derive(own_stack.environment("auth")["DAIRA_AUTH_SECRET"], "signing keys")
    return Signer(ECKey.import_key(unseal(sealing, row["sealed_private"], dict[str, Any])), kid, opened(claims))


def forged(signer: Signer) -> dict[str, str]:
    """Tokens that are almost right."""
    clock = int(now().timestamp())
    good = signer.token()
    head, body, signature = good.split(".")
    someone = urlsafe_b64encode(json.dumps({**signer.claims, "sub": str(uuid4())}).encode()).decode().rstrip("=")
    unsigned = urlsafe_b64encode(json.dumps({"alg": "none", "kid": signer.kid, "typ": "at+jwt"}).encode()).decode()
    return {
        "expired": signer.token(iat=clock - 1_000, exp=clock - 100),
        "for another audience": signer.token(aud="daira-admin"),
        "for no audience": signer.token(aud=None),
        "of another issuer": signer.token(iss="https://auth.evil.example"),
        "not valid yet": signer.token(nbf=clock + 600),
        "without an end": signer.token(exp=None),
        "without a person": signer.token(sub=None),
        "by a stranger's key": Signer(ECKey.generate_key("P-256"), signer.kid, signer.claims).token(),
        "by a key nobody announced": Signer(ECKey.generate_key("P-256"), "another", signer.claims).token(),
        "another person under the old signature": f"{head}.{someone}.{signature}",
        "another signature": f"{head}.{body}.{'A' * len(signature)}",
        "unsigned": f"{unsigned.rstrip('=')}.{body}.",
        "not a token": "let-me-in",
        "too long": good + "A" * 8_000,
    }


DOORS = [
    ("GET", "/v1/feed/circle"),
    ("GET", "/v1/users/me"),
    ("GET", "/v1/auth/sessions"),
    ("GET", f"/v1/media/{UNKNOWN}"),
    ("GET", "/v1/users/me/events"),
    ("GET", "/v1/moderation/cases"),
    ("POST", "/v1/posts"),
    ("POST", "/v1/uploads"),
    ("POST", "/v1/events"),
    ("DELETE", "/v1/users/me"),
]


async def test_a_token_signed_like_ours_opens_the_door(platform: Endpoints, signer: Signer) -> None:
    """Otherwise the next test would prove nothing."""
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        answer = await client.get("/v1/users/me", headers={"Authorization": f"Bearer {signer.token()}"})

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_no_forged_token_opens_any_door(method: str, path: str, platform: Endpoints, signer: Signer) -> None:
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        for token in forged(signer).values():
            answer = await client.request(method, path, headers={"Authorization": f"Bearer {token}"})
            assert_problem(answer, 401, "token_invalid")


async def test_a_refresh_token_is_no_access_token(platform: Endpoints) -> None:
    phone = Phone(platform.gateway_url, "somebody")
    number = any_number()
    challenge = phone.post("/v1/auth/login", {"phoneNumber": number})
    code = phone.get("/v1/sandbox/messages", phoneNumber=number)["items"][-1]["code"]
    tokens = phone.post("/v1/auth/verify", {"sessionId": challenge["sessionId"], "code": code})

    answer = phone.http.get("/v1/users/me", headers={"Authorization": f"Bearer {tokens['refreshToken']}"})
    phone.close()

    assert_problem(answer, 401, "token_invalid")


@pytest.mark.parametrize("number", ["1", "+20100000", "+1\u202e555", "0100\u200b", "0" * 65, "", None])
async def test_a_number_that_is_none_is_never_called(number: str | None, platform: Endpoints) -> None:
    async with httpx.AsyncClient(base_url=platform.gateway_url, trust_env=False) as client:
        answer = await client.post("/v1/auth/login", json={"phoneNumber": number})

    assert_problem(answer, 400, answer.json()["code"])
