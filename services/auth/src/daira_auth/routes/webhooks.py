"""What providers tell. Each call is signed; what is not, is refused before it is read."""

from typing import Annotated

from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from daira_auth.adapters.sinch import Signed
from daira_auth.errors import SignatureInvalid
from daira_auth.routes.origin import AnyRequest
from daira_auth.service import AuthService
from daira_web.answers import problems
from daira_web.guards import PUBLIC

TAGS = ["webhooks"]


@get(
    "/v1/auth/webhooks/whatsapp",
    operation_id="ShakeHandsWithWhatsApp",
    responses=problems(SignatureInvalid),
    summary="Meta asks whether this webhook is ours",
    media_type=MediaType.TEXT,
    opt=PUBLIC,
    tags=TAGS,
    sync_to_thread=False,
)
def shake_hands(
    auth: NamedDependency[AuthService],
    mode: Annotated[str, QueryParameter(name="hub.mode", max_length=32)],
    token: Annotated[str, QueryParameter(name="hub.verify_token", max_length=256)],
    challenge: Annotated[str, QueryParameter(name="hub.challenge", max_length=256)],
) -> Response[str]:
    auth.receipts.shake_hands(mode, token)
    return Response(challenge, media_type=MediaType.TEXT)


@post(
    "/v1/auth/webhooks/whatsapp",
    operation_id="HearWhatsApp",
    responses=problems(SignatureInvalid),
    summary="What became of messages over WhatsApp",
    description="`X-Hub-Signature-256` must be `sha256=` and the HMAC of the body under the app's secret.",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def hear_whatsapp(request: AnyRequest, auth: NamedDependency[AuthService]) -> None:
    await auth.receipts.hear_whatsapp(request.headers.get("x-hub-signature-256", ""), await request.body())


@post(
    "/v1/auth/webhooks/sinch",
    operation_id="HearSinch",
    responses=problems(SignatureInvalid),
    summary="What became of flash calls",
    description="Signed as Sinch signs callbacks: `Authorization: Application <key>:<signature>` and `x-timestamp`.",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def hear_sinch(request: AnyRequest, auth: NamedDependency[AuthService]) -> None:
    headers = request.headers
    signed = Signed(
        method=request.method,
        path=request.url.path,
        content_type=headers.get("content-type", ""),
        stamp=headers.get("x-timestamp", ""),
        body=await request.body(),
    )
    await auth.receipts.hear_sinch(headers.get("authorization", ""), signed)


ROUTES = (shake_hands, hear_whatsapp, hear_sinch)
