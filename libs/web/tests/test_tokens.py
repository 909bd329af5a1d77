"""Which tokens open the door. Everything a forger can think of, and the plain expired one."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from daira_contracts.auth import KeyState, SessionRevokedV1, SigningKeyChangedV1
from daira_kit.clock import now
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_testing.tokens import ISSUER, TokenMint
from daira_web.tokens import AUDIENCE, TokenInvalid, TokenRevoked, TokenVerifier

USER = new_id()
MINT = TokenMint()


@pytest.fixture
def verifier() -> TokenVerifier:
    verifier = TokenVerifier(MINT.root_public_key, ISSUER)
    verifier.put_key(MINT.event)
    return verifier


def test_a_good_token_names_its_caller(verifier: TokenVerifier) -> None:
    session = new_id()

    caller = verifier.verify(MINT.token(USER, session_id=session, roles=["staff"]))

    assert (caller.user_id, caller.session_id, caller.roles) == (USER, session, ("staff",))


def test_a_process_that_has_read_no_key_yet_asks_to_come_back_and_logs_nobody_out() -> None:
    with pytest.raises(Unavailable):
        TokenVerifier(MINT.root_public_key, ISSUER).verify(MINT.token(USER))


def claims(**changes: object) -> dict[str, Any]:
    clock = int(now().timestamp())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(USER), "sid": str(new_id()), "iat": clock, "exp": clock + 60}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def forged(header: dict[str, Any], key: Any, **changes: object) -> str:
    base = {"alg": "ES256", "typ": "at+jwt", "kid": MINT.kid}
    return jwt.encode({**base, **header}, claims(**changes), key, algorithms=["ES256", "HS256", "RS256"])


def plain(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def with_public_key_as_secret() -> str:
    secret = OctKey.import_key(f"{MINT.event.public_key_x}{MINT.event.public_key_y}")
    return forged({"alg": "HS256"}, secret)


STRANGER = ECKey.generate_key("P-256")
# Made when they are tried: what expires in ten minutes must not be made when a long run begins.
FORGERIES: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "words": lambda: "let me in please",
    "two parts": lambda: "a.b",
    "huge": lambda: "a" * 5000,
    "no algorithm": lambda: plain({"alg": "none", "typ": "at+jwt"}, claims()),
    "no algorithm, capital": lambda: plain({"alg": "None", "typ": "at+jwt", "kid": MINT.kid}, claims()),
    "empty signature": lambda: plain({"alg": "ES256", "typ": "at+jwt", "kid": MINT.kid}, claims()),
    "zero signature": lambda: plain({"alg": "ES256", "typ": "at+jwt", "kid": MINT.kid}, claims(), b"\0" * 64),
    "public key as HMAC secret": lambda: with_public_key_as_secret(),
    "RSA": lambda: forged({"alg": "RS256"}, RSAKey.generate_key(2048)),
    "another key, our kid": lambda: forged({}, STRANGER),
    "another key, its own kid": lambda: forged({"kid": "stranger"}, STRANGER),
    "kid is a path": lambda: forged({"kid": "../../etc/passwd"}, STRANGER),
    "kid is SQL": lambda: forged({"kid": "' OR 1=1 --"}, STRANGER),
    "key by URL": lambda: forged({"jku": "http://127.0.0.1/keys"}, STRANGER),
    "key inside": lambda: forged({"jwk": STRANGER.as_dict(private=False)}, STRANGER),
    "wrong audience": lambda: MINT.token(USER, aud="daira-admin"),
    "several audiences": lambda: MINT.token(USER, aud=[AUDIENCE, "x"]),
    "wrong issuer": lambda: MINT.token(USER, iss="https://auth.example"),
    "expired": lambda: MINT.token(USER, exp=int(now().timestamp()) - 120),
    "expires as text": lambda: MINT.token(USER, exp="tomorrow"),
    "not yet valid": lambda: MINT.token(USER, nbf=int(now().timestamp()) + 600),
    "issued in the future": lambda: MINT.token(USER, iat=int(now().timestamp()) + 600),
    "subject is no id": lambda: MINT.token(USER, sub="admin"),
    "no session": lambda: MINT.token(USER, sid="-"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_or_spent_token_is_refused(verifier: TokenVerifier, name: str) -> None:
    with pytest.raises(TokenInvalid):
        verifier.verify(FORGERIES[name]())


def test_a_refresh_token_is_no_access_token(verifier: TokenVerifier) -> None:
    refresh = jwt.encode({"alg": "ES256", "kid": MINT.kid, "typ": "JWT"}, claims(), MINT._key)

    with pytest.raises(TokenInvalid):
        verifier.verify(refresh)


def test_a_revoked_session_is_over_also_for_a_token_seen_before(verifier: TokenVerifier) -> None:
    session, token = new_id(), ""
    token = MINT.token(USER, session_id=session)
    verifier.verify(token)

    verifier.put_revocation(revocation(session))

    with pytest.raises(TokenRevoked):
        verifier.verify(token)


def test_a_retired_key_opens_nothing_any_more(verifier: TokenVerifier) -> None:
    token = MINT.token(USER)
    verifier.verify(token)

    verifier.remove_key(MINT.kid)

    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def test_a_key_the_root_did_not_sign_is_not_trusted() -> None:
    other = TokenMint()
    verifier = TokenVerifier(MINT.root_public_key, ISSUER)
    verifier.put_key(MINT.event)

    verifier.put_key(other.event)

    with pytest.raises(TokenInvalid):
        verifier.verify(other.token(USER))


OTHER_END = pytest.param(MINT.event.root_signature[:-4] + "AAAA", id="another end")


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64 !!", OTHER_END])
def test_a_key_record_with_a_bad_signature_is_ignored(signature: str) -> None:
    event = MINT.event
    verifier = TokenVerifier(MINT.root_public_key, ISSUER)

    verifier.put_key(
        SigningKeyChangedV1(
            kid=event.kid,
            state=KeyState.ACTIVE,
            public_key_x=event.public_key_x,
            public_key_y=event.public_key_y,
            not_before=event.not_before,
            root_signature=signature,
        )
    )

    with pytest.raises(Unavailable):  # as if no key had ever been told
        verifier.verify(MINT.token(USER))


def revocation(session: UUID) -> SessionRevokedV1:
    return SessionRevokedV1(session_id=session, user_id=USER, revoked_at=now(), expires_at=now(), reason="logout")
