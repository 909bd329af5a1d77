"""A root key and a signing key of the tests' own, so that a service can be tested without auth."""

from base64 import b64encode
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from daira_contracts.auth import KeyState, SigningKeyChangedV1, signing_key_bytes
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_web import root_key
from daira_web.tokens import AUDIENCE, TOKEN_TYPE

ISSUER = "https://auth.daira.app"


class TokenMint:
    """Makes tokens that a service trusts once `event` reached it (or `verifier.put_key(mint.event)`)."""

    def __init__(self) -> None:
        root = generate_private_key(SECP256R1())
        private = root.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = root.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.root_private_key = b64encode(private).decode()
        self.root_public_key = b64encode(public).decode()
        self.kid = str(new_id())
        self._key = ECKey.generate_key("P-256", {"kid": self.kid, "alg": "ES256", "use": "sig"})
        self.event = self._announce()

    def token(self, user_id: UUID, *, session_id: UUID | None = None, **claims: object) -> str:
        """An access token of 15 minutes; `claims` replace or add."""
        clock = int(now().timestamp())
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id or new_id()),
            "iat": clock,
            "exp": clock + 900,
            **claims,
        }
        return jwt.encode({"alg": "ES256", "kid": self.kid, "typ": TOKEN_TYPE}, body, self._key)

    def headers(self, user_id: UUID, **claims: object) -> dict[str, str]:
        """The Authorization header of a caller."""
        return {"Authorization": f"Bearer {self.token(user_id, **claims)}"}  # type: ignore[arg-type]

    def jwks(self) -> dict[str, object]:
        """The public half as auth's JWKS route serves it."""
        return {"keys": [self._key.as_dict(private=False)]}

    def _announce(self) -> SigningKeyChangedV1:
        public = self._key.as_dict(private=False)
        event = SigningKeyChangedV1(
            kid=self.kid,
            state=KeyState.ACTIVE,
            public_key_x=str(public["x"]),
            public_key_y=str(public["y"]),
            not_before=now(),
            root_signature="",
        )
        signature = root_key.sign(self.root_private_key, signing_key_bytes(event))
        return SigningKeyChangedV1(
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            kid=event.kid,
            state=event.state,
            public_key_x=event.public_key_x,
            public_key_y=event.public_key_y,
            not_before=event.not_before,
            root_signature=signature,
        )
