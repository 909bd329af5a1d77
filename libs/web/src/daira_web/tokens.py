"""Access tokens: ES256 only (RFC 8725), keys and revocations from broadcast topics, verified tokens cached by hash."""

from collections import OrderedDict
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from daira_contracts.auth import KeyState, SessionRevokedV1, SigningKeyChangedV1, signing_key_bytes
from daira_kit.clock import now
from daira_kit.errors import Unauthorized, Unavailable
from daira_observe.logs import get_logger
from daira_web import root_key

logger = get_logger(__name__)
AUDIENCE = "daira-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the `typ` of RFC 9068
LEEWAY_SECONDS = 30
CACHE_SIZE = 10_000


class TokenInvalid(Unauthorized):
    """The access token is missing, malformed, expired or not meant for this service."""

    code = "token_invalid"


class TokenRevoked(Unauthorized):
    """This session has ended. Log in again."""

    code = "session_revoked"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. The only source of a user id in this house."""

    user_id: UUID
    session_id: UUID
    roles: tuple[str, ...] = ()
    expires_at: int = 0


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    exp: int
    iat: int
    nbf: int = 0
    roles: tuple[str, ...] = ()


class TokenVerifier:
    """Keys and revocations of one process. Fill it from `auth.signing-key-changed` and `auth.session-revoked`."""

    def __init__(self, root_public_key: str, issuer: str) -> None:
        self._root_public_key, self._issuer = root_public_key, issuer
        self._keys: dict[str, ECKey] = {}
        self._revisions: dict[str, int] = {}
        self._revoked: dict[UUID, datetime] = {}
        self._cache: OrderedDict[bytes, Caller] = OrderedDict()

    def put_key(self, event: SigningKeyChangedV1) -> None:
        """Trust a key, or stop trusting it; a record that the root key did not sign is ignored and logged."""
        if not root_key.verify(self._root_public_key, signing_key_bytes(event), event.root_signature):
            logger.error("signing_key_not_signed_by_root", kid=event.kid)
            return
        if event.revision < self._revisions.get(event.kid, 0):
            return
        self._revisions[event.kid] = event.revision
        if event.state is KeyState.RETIRED:
            self.remove_key(event.kid)
            return
        self._keys[event.kid] = ECKey.import_key(
            {
                "kty": "EC",
                "crv": "P-256",
                "x": event.public_key_x,
                "y": event.public_key_y,
                "kid": event.kid,
                "alg": "ES256",
                "use": "sig",
            }
        )

    def remove_key(self, kid: str) -> None:
        """Stop trusting a key at once, also for tokens already seen."""
        self._keys.pop(kid, None)
        self._cache.clear()

    def put_revocation(self, event: SessionRevokedV1) -> None:
        """End a session; the record is dropped once its last token has expired."""
        clock = now()
        self._revoked[event.session_id] = event.expires_at
        if len(self._revoked) % 1000 == 0:
            self._revoked = {sid: until for sid, until in self._revoked.items() if until > clock}

    def remove_revocation(self, session_id: str) -> None:
        """The record left the topic: its tokens expired long ago."""
        self._revoked.pop(UUID(session_id), None)

    def verify(self, token: str) -> Caller:
        """Raises TokenInvalid or TokenRevoked; Unavailable before the first key was read."""
        digest = sha256(token.encode()).digest()
        caller = self._cache.get(digest)
        if caller is None:
            caller = self._decode(token)
            self._cache[digest] = caller
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        if caller.expires_at + LEEWAY_SECONDS < now().timestamp():
            self._cache.pop(digest, None)
            raise TokenInvalid("the access token has expired")
        if caller.session_id in self._revoked:
            raise TokenRevoked
        return caller

    def _decode(self, token: str) -> Caller:
        if not self._revisions:
            # A process that has just begun: a 401 would log people out because of a restart.
            raise Unavailable("the signing keys are not read yet")
        if not self._keys or len(token) > 4096:
            raise TokenInvalid
        try:
            decoded = jwt.decode(token, KeySet([*self._keys.values()]), algorithms=["ES256"])
            if decoded.header.get("typ") != TOKEN_TYPE or decoded.header.get("kid") not in self._keys:
                raise TokenInvalid
            claims = msgspec.convert(decoded.claims, _Claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TokenInvalid from error
        if claims.iss != self._issuer or claims.aud != AUDIENCE:
            raise TokenInvalid
        clock = now().timestamp()
        if max(claims.nbf, claims.iat) > clock + LEEWAY_SECONDS:
            raise TokenInvalid("the access token is not valid yet")
        return Caller(user_id=claims.sub, session_id=claims.sid, roles=claims.roles, expires_at=claims.exp)
