"""The public keys, for Envoy and anybody who verifies tokens."""

from litestar import Response, get
from litestar.di import NamedDependency

from daira_auth.schemas import Jwk, Jwks
from daira_auth.service import AuthService
from daira_web.guards import PUBLIC

CACHE = "public, max-age=300"
"""Half of the ten minutes that a key is announced before it signs."""


@get(
    "/.well-known/jwks.json",
    operation_id="ReadJwks",
    summary="Keys that sign access tokens",
    opt=PUBLIC,
    tags=["auth"],
)
async def read_jwks(auth: NamedDependency[AuthService]) -> Response[Jwks]:
    keys = [
        Jwk(kty="EC", crv="P-256", x=key.public_x, y=key.public_y, kid=key.kid, use="sig", alg="ES256")
        for key in await auth.keys.published()
    ]
    return Response(Jwks(keys=keys), headers={"Cache-Control": CACHE})
