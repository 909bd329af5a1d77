"""Bytes below /media/ for whoever has the URL: the capability in it is the permission."""

from typing import Any, NamedTuple

from litestar import HttpMethod, Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from daira_media.domain.exports import CONTENT_TYPE, NAME
from daira_media.domain.ranges import Span, parse_range
from daira_media.errors import MediaNotFound, ObjectStoreUnavailable, RangeNotSatisfiable
from daira_media.service.media import MediaService
from daira_web.answers import problems
from daira_web.guards import PUBLIC

FOREVER = "public, max-age=31536000, immutable"
NOWHERE = "private, no-store"
READ = [HttpMethod.GET, HttpMethod.HEAD]


@route(
    "/images/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadImage",
    responses=problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
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
    return await _serve_rendition(request, capability, name, media)


@route(
    "/voices/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadVoice",
    responses=problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
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
    return await _serve_rendition(request, capability, name, media)


@route(
    "/exports/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadExport",
    responses=problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
    summary="What the platform knows about a person: export.zip",
    opt=PUBLIC,
)
async def read_export(
    request: Request[Any, Any, Any],
    capability: FromPath[str],
    name: FromPath[str],
    media: NamedDependency[MediaService],
) -> Response[Any]:
    """With ranges; kept by no cache, and gone when its time is over."""
    if name != NAME:
        raise MediaNotFound
    key, export = await media.exports.find_ready(capability)
    headers = {"Cache-Control": NOWHERE, "Content-Disposition": f'attachment; filename="{NAME}"'}
    return await _serve(request, media, key, File(f"{capability}-{name}", export.size_bytes, CONTENT_TYPE), headers)


async def _serve_rendition(
    request: Request[Any, Any, Any], capability: str, name: str, media: MediaService
) -> Response[Any]:
    key, rendition = await media.assets.find_rendition(capability, name)
    file = File(f"{capability}-{name}", rendition.size_bytes, rendition.content_type)
    return await _serve(request, media, key, file, {"Cache-Control": FOREVER})


class File(NamedTuple):
    """What is served, whatever it is."""

    tag: str
    size: int
    content_type: str


async def _serve(
    request: Request[Any, Any, Any], media: MediaService, key: str, file: File, headers: dict[str, str]
) -> Response[Any]:
    tag = f'"{file.tag}"'
    headers |= {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)
    part = parse_range(request.headers.get("range"), file.size)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{file.size}"
    span = part or Span(0, file.size)
    headers["Content-Length"] = str(span.end - span.start)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(b"", status_code=status, headers=headers, media_type=file.content_type)
    return Stream(
        await media.assets.bytes_of(key, span.start, span.end),
        status_code=status,
        headers=headers,
        media_type=file.content_type,
    )


files_router = Router(path="/media", route_handlers=[read_image, read_voice, read_export], tags=["media"])
