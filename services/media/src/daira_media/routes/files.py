"""/media/images and /media/voices: bytes for whoever has the URL; the capability in it is the permission."""

from typing import Any

from litestar import HttpMethod, Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from daira_media.domain.ranges import Span, parse_range
from daira_media.service.media import MediaService
from daira_web.guards import PUBLIC

FOREVER = "public, max-age=31536000, immutable"
READ = [HttpMethod.GET, HttpMethod.HEAD]


@route(
    "/images/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadImage",
    summary="A rendition of an image: 160.webp, 480.webp or 1080.webp",
    opt=PUBLIC,
)
async def read_image(
    request: Request[Any, Any, Any],
    capability: FromPath[str],
    name: FromPath[str],
    media: NamedDependency[MediaService],
) -> Response[Any]:
    """Immutable: another image has another URL."""
    return await _serve(request, capability, name, media)


@route(
    "/voices/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadVoice",
    summary="A voice note: voice.m4a or voice.ogg",
    opt=PUBLIC,
)
async def read_voice(
    request: Request[Any, Any, Any],
    capability: FromPath[str],
    name: FromPath[str],
    media: NamedDependency[MediaService],
) -> Response[Any]:
    """Immutable, with ranges."""
    return await _serve(request, capability, name, media)


async def _serve(request: Request[Any, Any, Any], capability: str, name: str, media: MediaService) -> Response[Any]:
    key, rendition = await media.assets.find_rendition(capability, name)
    tag = f'"{capability}-{name}"'
    headers = {
        "ETag": tag,
        "Cache-Control": FOREVER,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)
    size = rendition.size_bytes
    part = parse_range(request.headers.get("range"), size)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    span = part or Span(0, size)
    headers["Content-Length"] = str(span.end - span.start)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(b"", status_code=status, headers=headers, media_type=rendition.content_type)
    return Stream(
        await media.assets.bytes_of(key, span.start, span.end),
        status_code=status,
        headers=headers,
        media_type=rendition.content_type,
    )


files_router = Router(path="/media", route_handlers=[read_image, read_voice], tags=["media"])
