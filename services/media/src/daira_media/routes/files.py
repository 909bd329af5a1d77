"""Bytes below /media/ for whoever has the URL: the capability in it is the permission."""

from typing import Any

from litestar import Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_media.domain.exports import CONTENT_TYPE, NAME
from daira_media.errors import MediaNotFound, ObjectStoreUnavailable
from daira_media.service.media import MediaService
from daira_web.answers import problems
from daira_web.described import file
from daira_web.files import NOWHERE, READ, RangeNotSatisfiable, serve
from daira_web.guards import PUBLIC


@route(
    "/images/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadImage",
    responses={**file("image/webp"), **problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable)},
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
    return await serve(request, await media.assets.find_rendition(capability, name))


@route(
    "/voices/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadVoice",
    responses={**file("audio/mp4"), **problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable)},
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
    return await serve(request, await media.assets.find_rendition(capability, name))


@route(
    "/exports/{capability:str}/{name:str}",
    http_method=READ,
    operation_id="ReadExport",
    responses={**file(CONTENT_TYPE), **problems(MediaNotFound, RangeNotSatisfiable, ObjectStoreUnavailable)},
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
    headers = {"Cache-Control": NOWHERE, "Content-Disposition": f'attachment; filename="{NAME}"'}
    return await serve(request, await media.exports.find_ready(capability), headers)


files_router = Router(path="/media", route_handlers=[read_image, read_voice, read_export], tags=["media"])
