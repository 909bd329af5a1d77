"""What a client sees of a real Envoy."""

import asyncio
import json
import random
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from joserfc.jws import JWSRegistry

from daira_devtools.gateway.edge import Limits
from daira_devtools.gateway.envoy.problems import REPLIES
from daira_kit.clock import now
from daira_kit.errors import (
    BadRequest,
    DairaError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unavailable,
)
from daira_testing.tokens import TokenMint
from daira_testing.waiting import eventually
from daira_web.languages import wants_arabic
from daira_web.problems import MethodNotAllowed
from daira_web.tokens import TokenInvalid

PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "code", "detail", "requestId", "errors"}


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert set(body) == MEMBERS
    assert (body["status"], body["code"], body["errors"]) == (status, code, [])
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


def claims_of(mint: TokenMint) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(mint.token(uuid4()), KeySet.import_key_set(cast(Any, mint.jwks()))).claims
    return claims


def unsigned(mint: TokenMint) -> str:
    _, body, _ = mint.token(uuid4()).split(".")
    return f"{b64(json.dumps({'alg': 'none', 'kid': mint.kid}).encode())}.{body}."


def confused(mint: TokenMint) -> str:
    public = KeySet.import_key_set(cast(Any, mint.jwks())).keys[0]
    secret = OctKey.import_key(json.dumps(public.as_dict(private=False)))
    return jwt.encode({"alg": "HS256", "kid": mint.kid}, claims_of(mint), secret)


def self_certified(mint: TokenMint) -> str:
    key = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "kid": mint.kid, "jwk": key.as_dict(private=False)}
    registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    return jwt.encode(header, claims_of(mint), key, registry=registry)


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


async def test_requests_reach_the_service_that_owns_method_and_template(gateway: Any, mint: TokenMint) -> None:
    mine = mint.headers(uuid4())
    asked = [
        ("GET", "/v1/posts/1", "feed"),
        ("DELETE", "/v1/posts/1", "feed"),
        ("GET", "/v1/posts/latest", "interaction"),
        ("GET", "/v1/posts/1/comments?limit=5", "interaction"),
        ("GET", "/media/videos/abc/360p/segment_0.ts", "media"),
    ]

    answers = [(await gateway.client.request(method, path, headers=mine)).json() for method, path, _ in asked]

    assert [one["service"] for one in answers] == [service for _, _, service in asked]


async def test_a_public_route_needs_no_token(gateway: Any) -> None:
    answer = await gateway.client.post("/v1/auth/login", json={})

    assert answer.json()["service"] == "auth"


async def test_every_failure_of_a_token_is_401(gateway: Any, mint: TokenMint) -> None:
    expired = int(now().timestamp()) - 120
    tokens = {
        "missing": None,
        "garbage": "garbage",
        "expired": mint.token(uuid4(), exp=expired, iat=expired - 900),
        "another audience": mint.token(uuid4(), aud="somebody-else"),
        "another issuer": mint.token(uuid4(), iss="https://evil.example"),
        "another key": TokenMint().token(uuid4()),
        "tampered": mint.token(uuid4())[:-6] + "AAAAAA",
        "not valid yet": mint.token(uuid4(), nbf=int(now().timestamp()) + 600),
        "without an end": mint.token(uuid4(), exp=None),
        "unsigned": unsigned(mint),
        "signed with the public key as a secret": confused(mint),
        "with its own key in the header": self_certified(mint),
        "absurdly long": "a." * 8_000,
    }
    for name, token in tokens.items():
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await gateway.client.get("/v1/posts/1/comments", headers=headers)
        assert_problem(answer, 401, "token_invalid")
        assert "bearer" in answer.headers["www-authenticate"].lower(), name


async def test_an_optional_token_may_be_absent_but_not_bad(gateway: Any, mint: TokenMint) -> None:
    absent = await gateway.client.get("/v1/posts/1")
    good = await gateway.client.get("/v1/posts/1", headers=mint.headers(uuid4()))
    bad = await gateway.client.get("/v1/posts/1", headers=TokenMint().headers(uuid4()))

    assert (absent.status_code, good.status_code) == (200, 200)
    assert_problem(bad, 401, "token_invalid")


async def test_unknown_paths_and_wrong_methods_are_problems_without_a_token(gateway: Any) -> None:
    assert_problem(await gateway.client.get("/v1/nothing"), 404, "not_found")
    wrong = await gateway.client.put("/v1/posts/1")
    assert_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "DELETE, GET"


async def test_the_socket_route_is_reserved(gateway: Any) -> None:
    assert_problem(await gateway.client.get("/socket.io/?EIO=4&transport=polling"), 404, "not_found")


async def test_problems_speak_arabic_to_who_asks_for_it(gateway: Any) -> None:
    arabic = await gateway.client.get("/v1/nothing", headers={"accept-language": "ar-EG,ar;q=0.9"})

    assert assert_problem(arabic, 404, "not_found")["title"] == "غير موجود"


async def test_a_body_over_the_limit_is_refused_before_the_service_sees_it(gateway: Any, mint: TokenMint) -> None:
    answer = await gateway.client.post("/v1/events", content=b"x" * 1_000_001, headers=mint.headers(uuid4()))

    assert_problem(answer, 413, "payload_too_large")


async def test_an_upload_is_neither_limited_nor_collected_and_its_token_is_the_services_affair(gateway: Any) -> None:
    size = 3_000_000
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"PATCH /v1/uploads/1 HTTP/1.1\r\nhost: gateway\r\ncontent-length: {size}\r\n\r\n"
    writer.write(head.encode() + b"x" * 1000)
    await writer.drain()

    async def arrived() -> bool:
        return bool(await gateway.statistic("cluster.media.upstream_rq_active") == 1)

    await eventually(arrived)
    writer.write(b"x" * (size - 1000))
    await writer.drain()
    answer = await asyncio.wait_for(reader.readuntil(b'"firstRead"'), 10)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200")
    assert f'"bytes": {size}'.encode() in answer


async def test_a_service_that_is_down_is_503_with_retry_after(open_gateway: Any) -> None:
    gateway = await open_gateway(down=("interaction",))

    answer = await gateway.client.get("/v1/posts/latest")

    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_keys_that_never_came_are_503_and_not_a_log_out(open_gateway: Any, mint: TokenMint) -> None:
    gateway = await open_gateway(keys=None)

    answer = await gateway.client.get("/v1/posts/1/comments", headers=mint.headers(uuid4()))

    assert_problem(answer, 503, "keys_unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_keys_that_come_late_are_taken_up(open_gateway: Any, mint: TokenMint) -> None:
    gateway = await open_gateway(keys=None)
    gateway.upstreams.keys = mint.jwks()

    async def accepted() -> bool:
        answer = await gateway.client.get("/v1/posts/1/comments", headers=mint.headers(uuid4()))
        return bool(answer.status_code == 200)

    await eventually(accepted)


async def test_keys_once_fetched_outlive_auth(open_gateway: Any, mint: TokenMint) -> None:
    gateway = await open_gateway(keys=mint.jwks(), keys_seconds=1)
    mine = mint.headers(uuid4())

    async def accepted() -> bool:
        return bool((await gateway.client.get("/v1/posts/1/comments", headers=mine)).status_code == 200)

    async def failed_twice() -> bool:
        return bool(await gateway.statistic("http.edge.jwt_authn.jwks_fetch_failed") >= 2)

    await eventually(accepted)
    gateway.upstreams.keys = None
    await eventually(failed_twice)

    assert await accepted()


async def test_an_address_that_asks_too_much_waits_and_hears_when(open_gateway: Any) -> None:
    gateway = await open_gateway(limits=Limits(burst=5, requests_per_second=10))

    answers = [await gateway.client.get("/v1/posts/latest") for _ in range(30)]

    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) >= 10
    assert_problem(refused[0], 429, "rate_limited")
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["ratelimit"] == "limit=10, remaining=0, reset=1"


LANGUAGES = ["ar", "AR-eg", "arc", "en", "en-US", "fr", "*", ""]
SAID_BY_BOTH: list[type[DairaError]] = [
    BadRequest,
    DairaError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    TokenInvalid,
    TooManyRequests,
    Unavailable,
]
WEIGHTS = ["", ";q=1", ";q=0.9", " ; q=0.9", ";q=0.45", ";q=0.4", ";q=0", ";q=many", ";q=7", ";level=1"]


async def test_its_own_answers_weigh_languages_as_the_services_do(gateway: Any) -> None:
    chance = random.Random(7)
    for _ in range(200):
        entries = [chance.choice(LANGUAGES) + chance.choice(WEIGHTS) for _ in range(chance.randint(1, 4))]
        header = chance.choice([",", ", "]).join(entries).strip()

        answer = await gateway.client.get("/v1/nothing", headers={"accept-language": header})

        is_arabic = not answer.json()["title"].isascii()
        assert is_arabic is wants_arabic(header), header


def test_its_titles_are_those_of_the_services() -> None:
    told = {reply.code: (reply.title, reply.title_ar) for reply in REPLIES}

    for error in SAID_BY_BOTH:
        assert told[error.code] == (error.title, error.title_ar)


async def test_the_bare_address_leads_to_a_page(gateway: Any) -> None:
    answer = await gateway.client.get("/")

    assert (answer.status_code, answer.headers["location"]) == (302, "/preview")


async def test_what_a_client_claims_about_itself_does_not_reach_a_service(gateway: Any) -> None:
    claims = {"x-user-id": "root", "x-forwarded-for": "9.9.9.9", "x-real-ip": "9.9.9.9", "forwarded": "for=9.9.9.9"}

    heard = (await gateway.client.get("/v1/posts/latest", headers=claims)).json()["headers"]

    assert "," not in heard["x-forwarded-for"]
    assert "9.9.9.9" not in heard.values()
    assert not {"x-user-id", "x-real-ip", "forwarded"} & set(heard)


async def test_request_id_and_trace_go_through_and_come_back(gateway: Any) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"x-request-id": "my-own-id", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    named = await gateway.client.get("/v1/posts/latest", headers=sent)
    fresh = await gateway.client.get("/v1/posts/latest")

    assert named.headers["x-request-id"] == named.json()["headers"]["x-request-id"] == "my-own-id"
    assert named.json()["headers"]["traceparent"].split("-")[1] == trace
    assert len(fresh.json()["headers"]["traceparent"].split("-")[1]) == 32
    assert fresh.headers["x-request-id"] == fresh.json()["headers"]["x-request-id"]


async def test_a_page_of_a_known_origin_may_call_and_a_foreign_one_may_not(gateway: Any) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}

    known = await gateway.client.options("/v1/events", headers={"origin": "http://localhost:3000", **asking})
    foreign = await gateway.client.options("/v1/events", headers={"origin": "https://evil.example", **asking})

    assert known.status_code == 200
    assert known.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "idempotency-key" in known.headers["access-control-allow-headers"]
    assert_problem(foreign, 403, "forbidden")
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_player_on_any_page_may_fetch_media(gateway: Any) -> None:
    page = {"origin": "https://player.example"}
    asking = {"access-control-request-method": "GET", "access-control-request-headers": "range"}

    allowed = await gateway.client.options("/media/videos/abc/master.m3u8", headers={**page, **asking})
    answer = await gateway.client.get("/media/videos/abc/master.m3u8", headers=page)

    assert allowed.headers["access-control-allow-origin"] == "https://player.example"
    assert answer.headers["access-control-allow-origin"] == "https://player.example"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_refusal_can_be_read_by_the_page_that_asked(gateway: Any) -> None:
    answer = await gateway.client.get("/v1/posts/1/comments", headers={"origin": "http://localhost:3000"})

    assert_problem(answer, 401, "token_invalid")
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_the_merged_document_is_served_by_the_gateway_itself(gateway: Any) -> None:
    answer = await gateway.client.get("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["openapi"] == "3.1.0"


async def test_json_is_compressed_for_who_accepts_it_and_media_never_are(gateway: Any) -> None:
    padding = {"x-padding": "y" * 2000}

    packed = await gateway.client.get("/v1/posts/latest", headers=padding)
    plain = await gateway.client.get("/v1/posts/latest", headers={**padding, "accept-encoding": "identity"})
    media = await gateway.client.get("/media/videos/abc/master.m3u8", headers=padding)

    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert (packed.headers["etag"], plain.headers["etag"]) == ('W/"v1"', '"v1"')
    assert packed.json()["headers"]["x-padding"] == plain.json()["headers"]["x-padding"]
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in media.headers


@pytest.mark.parametrize(("env", "status"), [("dev", 200), ("prod", 404)])
async def test_the_sandbox_exists_in_development_only(open_gateway: Any, env: str, status: int) -> None:
    gateway = await open_gateway(env=env)

    answer = await gateway.client.get("/v1/sandbox/messages?phoneNumber=1")

    assert answer.status_code == status


async def told(gateway: Any, lines: str) -> tuple[int, bytes]:
    """Status and the rest of the answer to a request written by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(lines.encode())
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(4096), 10)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


POST = "POST /v1/auth/login HTTP/1.1\r\nhost: a\r\n"
CHUNKED = f"{POST}content-length: 5\r\n"
NO_BODY = "\r\n0\r\n\r\n"
MALFORMED = {
    "a header that looks like another": "GET /v1/posts/latest HTTP/1.1\r\nhost: a\r\nx_user_id: root\r\n\r\n",
    "an escaped slash": "GET /v1%2Fposts/latest HTTP/1.1\r\nhost: a\r\n\r\n",
    "an escaped slash behind a host": "GET http://b/v1%2Fposts/latest HTTP/1.1\r\nhost: a\r\n\r\n",
    "a file's address": "GET file:///etc/passwd HTTP/1.1\r\nhost: a\r\n\r\n",
    "two lengths": f"{POST}content-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "the same length twice": f"{POST}content-length: 5\r\ncontent-length: 5\r\n\r\nabcde",
    "a length with a sign": f"{POST}content-length: +5\r\n\r\nabcde",
    "length and chunks": f"{CHUNKED}transfer-encoding: chunked\r\n{NO_BODY}",
    "length and chunks behind a tab": f"{CHUNKED}transfer-encoding:\tchunked\r\n{NO_BODY}",
    "length and chunks before a tab": f"{CHUNKED}transfer-encoding: chunked\t\r\n{NO_BODY}",
    "length and chunks behind a vertical tab": f"{CHUNKED}transfer-encoding: \x0bchunked\r\n{NO_BODY}",
    "length and chunks before identity": f"{CHUNKED}transfer-encoding: chunked, identity\r\n{NO_BODY}",
    "length and chunks after identity": f"{CHUNKED}transfer-encoding: identity, chunked\r\n{NO_BODY}",
    "length and chunks twice": f"{CHUNKED}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n{NO_BODY}",
    "length and chunks or not": f"{CHUNKED}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n{NO_BODY}",
    "length and chunks before a colon": f"{CHUNKED}transfer-encoding : chunked\r\n{NO_BODY}",
    "length and chunks in a folded line": f"{CHUNKED}transfer-encoding:\r\n chunked\r\n{NO_BODY}",
    "length and chunks behind half a line's end": f"{CHUNKED}x: y\ntransfer-encoding: chunked\r\n{NO_BODY}",
    "a chunk's length in another notation": f"{POST}transfer-encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n",
    "a folded line": "GET /v1/posts/latest HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
    "no host": "GET /v1/posts/latest HTTP/1.1\r\n\r\n",
    "two hosts": "GET /v1/posts/latest HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "the same host twice": "GET /v1/posts/latest HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
    "two hosts in one line": "GET /v1/posts/latest HTTP/1.1\r\nhost: a,b\r\n\r\n",
    "nonsense": "NONSENSE\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_smuggled_or_malformed_request_is_400(gateway: Any, name: str) -> None:
    status, answer = await told(gateway, MALFORMED[name])

    assert status == 400, answer


@pytest.mark.parametrize("coding", ["chunked, identity", "chunked\r\ntransfer-encoding: chunked", "xchunked"])
async def test_a_coding_that_is_not_just_chunked_is_not_understood(gateway: Any, coding: str) -> None:
    status, answer = await told(gateway, f"{POST}transfer-encoding: {coding}\r\n{NO_BODY}")

    assert (status, b'"code":"not_implemented"' in answer) == (501, True), answer


async def test_an_address_in_the_first_line_counts_instead_of_the_host_and_opens_no_other_route(gateway: Any) -> None:
    status, answer = await told(gateway, "GET http://b/v1/posts/latest HTTP/1.1\r\nhost: a\r\n\r\n")
    closed, refusal = await told(gateway, "GET http://b/v1/posts/1/comments HTTP/1.1\r\nhost: a\r\n\r\n")

    assert (status, b'"host": "b"' in answer) == (200, True), answer
    assert closed == 401, refusal


async def test_the_access_log_knows_the_route_and_no_secret(gateway: Any, mint: TokenMint) -> None:
    token = mint.token(uuid4())
    secret = "+201001234567"
    await gateway.client.get("/v1/sandbox/messages", params={"phoneNumber": secret})
    await gateway.client.get("/media/videos/capability-of-128-bits/master.m3u8")
    await gateway.client.get("/v1/posts/1", headers={"authorization": f"Bearer {token}"})

    async def written() -> str:
        text = await asyncio.to_thread(Path(gateway.log).read_text)
        return text if '"route":"GET /v1/posts/{post_id}"' in text else ""

    text = await eventually(written)

    assert '"route":"GET /media/videos/{playback_id}/{path...}"' in text
    assert not any(part in text for part in (secret, "201001234567", "capability-of-128-bits", token))
