"""tus 1.0 on HTTP: headers in, headers out."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from daira_media.domain import tus
from daira_media.domain.uploads import Upload, UploadState
from daira_media.errors import SenderGone, ServerStopping
from daira_media.service.writing import ChunkOrder
from daira_web.health import Health

AnyRequest = Request[Any, Any, Any]


async def speaks_tus(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Raises VersionUnsupported unless Tus-Resumable is 1.0.0."""
    tus.check_version(connection.headers.get("tus-resumable"))


class TusResumable(ASGIMiddleware):
    """Every answer says the protocol's version, errors too."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """One request."""

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"tus-resumable", tus.VERSION.encode())]
            await send(message)

        await next_app(scope, receive, send_with_version)


def chunk_order(request: AnyRequest, offset: int) -> ChunkOrder:
    """What the headers of a request with a chunk say. Raises HeaderInvalid, ChecksumUnsupported."""
    headers = request.headers
    length = headers.get("upload-length")
    return ChunkOrder(
        offset=offset,
        body_length=_body_length(request),
        length=tus.parse_number("Upload-Length", length) if length is not None else None,
        checksum=tus.parse_checksum(headers.get("upload-checksum")),
    )


def _body_length(request: AnyRequest) -> int | None:
    value = request.headers.get("content-length")
    return tus.parse_number("Content-Length", value) if value is not None else None


def has_chunk(request: AnyRequest) -> bool:
    """True for a creation that brings its first bytes along (creation-with-upload)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == tus.CHUNK_TYPE


async def body_of(request: AnyRequest) -> AsyncIterator[bytes]:
    """The chunks of the body as they arrive.

    Raises SenderGone when the connection ends before the body does, and ServerStopping when this process is draining.
    """
    health: Health = request.app.state.health
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        if message["type"] == "http.request":
            if message["body"]:
                yield message["body"]
            if not message.get("more_body", False):
                return
        if health.draining:
            raise ServerStopping(headers={"Retry-After": "1", "Connection": "close"})


def base_url(request: AnyRequest, public_url: str) -> str:
    """What the client calls this server by: the setting, else what the proxy forwards, else Host."""
    if public_url:
        return public_url.rstrip("/")
    headers = request.headers
    scheme = (headers.get("x-forwarded-proto") or request.url.scheme).partition(",")[0].strip()
    host = headers.get("x-forwarded-host") or headers.get("host") or ""
    return f"{scheme}://{host.partition(',')[0].strip()}"


def place(upload: Upload, base: str) -> dict[str, str]:
    """Where an upload is and what id it will have as media."""
    return {"Location": f"{base}/v1/uploads/{upload.id}", "Upload-Media-Id": str(upload.id)}


def standing(upload: Upload) -> dict[str, str]:
    """Upload-Offset, and Upload-Expires while it can expire."""
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.state is UploadState.OPEN:
        headers["Upload-Expires"] = tus.format_expires(upload.expires_at)
    return headers


def description(upload: Upload) -> dict[str, str]:
    """All that HEAD tells."""
    headers = {"Cache-Control": "no-store", "Upload-Media-Id": str(upload.id), **standing(upload)}
    if upload.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length)
    if upload.metadata:
        headers["Upload-Metadata"] = tus.format_metadata(upload.metadata)
    if upload.is_partial:
        headers["Upload-Concat"] = "partial"
    elif upload.concat is not None:
        headers["Upload-Concat"] = upload.concat
    return headers


def empty(status: int, headers: dict[str, str]) -> Response[None]:
    """An answer that is all headers."""
    return Response(None, status_code=status, headers=headers, media_type=MediaType.TEXT)  # as JSON it would be `null`
