"""Tokens that nobody may accept (RFC 8725), against the guard that every service shares."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from daira_kit.clock import now
from daira_kit.ids import new_id

Forge = Callable[[str, ECKey, str], str]
NOW = int(now().timestamp())


def b64(content: bytes | object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    opened = [json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims)]
    return opened[0], opened[1], signature


def signed_by(key: ECKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """ES256 by hand: the library would refuse to write what an attacker writes."""
    body = f"{b64(header)}.{b64(claims)}"
    r, s = decode_dss_signature(key.private_key.sign(body.encode(), ECDSA(SHA256())))  # type: ignore[union-attr]
    return f"{body}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def with_header(**changes: Any) -> Forge:
    """The signature of the good token under another header."""

    def forge(token: str, _key: ECKey, _kid: str) -> str:
        header, claims, signature = parts(token)
        return f"{b64(header | changes)}.{b64(claims)}.{signature}"

    return forge


def with_claims(**changes: Any) -> Forge:
    """Other claims under the old signature."""

    def forge(token: str, _key: ECKey, _kid: str) -> str:
        header, claims, signature = parts(token)
        return f"{b64(header)}.{b64(claims | changes)}.{signature}"

    return forge


def signed(drop: tuple[str, ...] = (), header: dict[str, Any] | None = None, **changes: Any) -> Forge:
    """Signed by the real key, but saying something no access token says."""

    def forge(token: str, key: ECKey, kid: str) -> str:
        _, claims, _ = parts(token)
        body = {name: value for name, value in (claims | changes).items() if name not in drop}
        head = {"alg": "ES256", "typ": "at+jwt", "kid": kid} | (header or {})
        return signed_by(key, {name: value for name, value in head.items() if value is not None}, body)

    return forge


def by_stranger(**header: Any) -> Forge:
    """Signed well, by a key nobody announced."""

    def forge(token: str, _key: ECKey, kid: str) -> str:
        _, claims, _ = parts(token)
        stranger = ECKey.generate_key("P-256")
        return signed_by(stranger, {"alg": "ES256", "typ": "at+jwt", "kid": kid} | header, claims)

    return forge


def by_hmac(secret: Callable[[ECKey], bytes]) -> Forge:
    """The verifier's public material taken for a shared secret."""

    def forge(token: str, key: ECKey, kid: str) -> str:
        _, claims, _ = parts(token)
        body = f"{b64({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{b64(claims)}"
        return f"{body}.{b64(hmac.new(secret(key), body.encode(), sha256).digest())}"

    return forge


def rsa(token: str, _key: ECKey, kid: str) -> str:
    _, claims, _ = parts(token)
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": kid}, claims, RSAKey.generate_key(2048), ["RS256"])


def unsigned(alg: str, signature: str = "") -> Forge:
    def forge(token: str, _key: ECKey, _kid: str) -> str:
        header, claims, _ = parts(token)
        return f"{b64(header | {'alg': alg})}.{b64(claims)}.{signature}"

    return forge


def raw(change: Callable[[str], str]) -> Forge:
    return lambda token, _key, _kid: change(token)


def own_key_in_header(token: str, _key: ECKey, kid: str) -> str:
    _, claims, _ = parts(token)
    stranger = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid, "jwk": stranger.as_dict(private=False)}
    return signed_by(stranger, header, claims)


def duplicate_claims(token: str, _key: ECKey, _kid: str) -> str:
    header, claims, signature = token.split(".")
    body = urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode()
    doubled = f'{body[:-1]},"sub":"{new_id()}"}}'
    return f"{header}.{b64(doubled.encode())}.{signature}"


def flipped(position: int) -> Forge:
    def flip(token: str) -> str:
        header, claims, signature = token.split(".")
        data = bytearray(urlsafe_b64decode(signature + "=="))
        data[position] ^= 1
        return f"{header}.{claims}.{b64(bytes(data))}"

    return raw(flip)


FORGERIES: dict[str, Forge] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg nOnE with signature": unsigned("nOnE", "AAAA"),
    "alg empty": unsigned(""),
    "alg none keeps signature": with_header(alg="none"),
    "alg missing": with_header(alg=None),
    "alg a list": with_header(alg=["ES256"]),
    "alg a number": with_header(alg=256),
    "alg ES384": with_header(alg="ES384"),
    "alg ES256K": with_header(alg="ES256K"),
    "alg RS256": with_header(alg="RS256"),
    "alg PS256": with_header(alg="PS256"),
    "alg EdDSA": with_header(alg="EdDSA"),
    "alg HS256": with_header(alg="HS256"),
    "HS256 with the public key": by_hmac(lambda key: key.as_pem(private=False)),
    "HS256 with a coordinate": by_hmac(lambda key: str(key.as_dict(private=False)["x"]).encode()),
    "HS256 with nothing": by_hmac(lambda _key: b""),
    "RS256 with own key": rsa,
    "stranger's key under our kid": by_stranger(),
    "stranger's key under his kid": by_stranger(kid="stranger"),
    "stranger's key without kid": by_stranger(kid=""),
    "kid a path": by_stranger(kid="../../../../dev/null"),
    "kid SQL": by_stranger(kid="' UNION SELECT 'x"),
    "kid a URL": by_stranger(kid="http://127.0.0.1:1/key"),
    "jku": by_stranger(jku="http://127.0.0.1:1/jwks.json"),
    "x5u": by_stranger(x5u="http://127.0.0.1:1/cert.pem"),
    "own jwk in the header": own_key_in_header,
    "kid changed": with_header(kid="another"),
    "kid missing": signed(header={"kid": None}),
    "typ JWT": signed(header={"typ": "JWT"}),
    "typ missing": signed(header={"typ": None}),
    "typ refresh": signed(header={"typ": "rt+jwt"}),
    "typ id token": signed(header={"typ": "id_token+jwt"}),
    "audience of another": signed(aud="daira-admin"),
    "audience missing": signed(drop=("aud",)),
    "audience a list": signed(aud=["daira-api", "evil"]),
    "audience empty": signed(aud=""),
    "audience in capitals": signed(aud="DAIRA-API"),
    "issuer of another": signed(iss="https://auth.evil.example"),
    "issuer missing": signed(drop=("iss",)),
    "issuer with a slash": signed(iss="https://auth.daira.app/"),
    "expired": signed(iat=NOW - 7200, exp=NOW - 3600),
    "expired a minute ago": signed(iat=NOW - 960, exp=NOW - 60),
    "exp missing": signed(drop=("exp",)),
    "exp text": signed(exp="9999999999"),
    "exp a float": signed(exp=9999999999.5),
    "exp negative": signed(exp=-1),
    "not yet valid": signed(nbf=NOW + 3600),
    "issued in the future": signed(iat=NOW + 3600, exp=NOW + 7200),
    "iat missing": signed(drop=("iat",)),
    "sub missing": signed(drop=("sub",)),
    "sub a service": signed(sub="service:feed"),
    "sub empty": signed(sub=""),
    "sub a number": signed(sub=1),
    "sid missing": signed(drop=("sid",)),
    "sid not an id": signed(sid="x"),
    "another person under the old signature": with_claims(sub=str(new_id())),
    "staff under the old signature": with_claims(roles=["staff"]),
    "longer life under the old signature": with_claims(exp=9999999999),
    "signature empty": raw(lambda token: token.rpartition(".")[0] + "."),
    "signature missing": raw(lambda token: token.rpartition(".")[0]),
    "signature zero": raw(lambda token: f"{token.rpartition('.')[0]}.{b64(bytes(64))}"),
    "signature short": raw(lambda token: token[:-4]),
    "signature long": raw(lambda token: token + "AAAA"),
    "signature of DER": raw(lambda token: f"{token.rpartition('.')[0]}.{b64(b'0' * 71)}"),
    "signature first bit": flipped(0),
    "signature last bit": flipped(63),
    "duplicate claims": duplicate_claims,
    "one part": raw(lambda token: token.split(".")[0]),
    "four parts": raw(lambda token: token + ".x"),
    "five parts (JWE)": raw(lambda token: token + ".x.y"),
    "huge": raw(lambda token: token + "A" * 5000),
    "empty": raw(lambda _token: "."),
    "only dots": raw(lambda _token: ".."),
    "spaces inside": raw(lambda token: token[:20] + " " + token[20:]),
    "newline inside": raw(lambda token: token[:20] + "\\n" + token[20:]),
    "not base64": raw(lambda token: "é".encode().hex() + "*" + token),
    "JSON serialisation": raw(lambda token: json.dumps({"payload": token.split(".")[1]})),
    "unencoded payload": with_header(b64=False, crit=["b64"]),
    "unknown crit": signed(header={"crit": ["x"], "x": 1}),
}


async def test_the_corpus_is_large_enough_and_its_pattern_is_good(running: Any) -> None:
    tokens = await running.phone().log_in()
    await running.trusts(tokens["accessToken"])
    signer = await running.auth.keys.current()
    same = signed()(tokens["accessToken"], signer.key, signer.kid)

    assert len(FORGERIES) >= 60
    assert (await get(running, same)).status_code == 200


async def test_no_forged_token_is_accepted(running: Any) -> None:
    tokens = await running.phone().log_in()
    await running.trusts(tokens["accessToken"])
    signer = await running.auth.keys.current()

    answers = {}
    for name, forge in FORGERIES.items():
        try:
            forged = forge(tokens["accessToken"], signer.key, signer.kid)
        except (TypeError, ValueError) as error:
            pytest.fail(f"{name} cannot be forged: {error!r}")
        answers[name] = await get(running, forged)

    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401} == {}
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}
    assert {answer.json()["code"] for answer in answers.values()} == {"token_invalid"}


async def test_only_the_bearer_scheme_counts(running: Any) -> None:
    tokens = await running.phone().log_in()
    await running.trusts(tokens["accessToken"])

    for scheme in ("", "Basic ", "bearer", "Bearer", "Token ", "Bearer  Bearer "):
        header = {"Authorization": f"{scheme}{tokens['accessToken']}"}
        assert (await running.http.get("/v1/auth/sessions", headers=header)).status_code == 401


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(running: Any) -> None:
    tokens = await running.phone().log_in()
    await running.trusts(tokens["accessToken"])

    assert (await get(running, tokens["refreshToken"])).status_code == 401
    assert (await running.phone().refresh(tokens["accessToken"])).status_code in {400, 401}


async def get(running: Any, token: str) -> httpx.Response:
    answer: httpx.Response = await running.http.get("/v1/auth/sessions", headers=running.bearer(token))
    return answer
