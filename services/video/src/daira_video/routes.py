"""/media/videos: streams for whoever has the URL; the playback id in it is the permission."""

import gzip
from hashlib import blake2b
from typing import Any

from litestar import Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_video.domain import keys
from daira_video.errors import ObjectStoreUnavailable, PlaybackNotFound
from daira_video.metrics import SERVED_BYTES
from daira_video.service.playback import StoredFile
from daira_video.service.video import VideoService
from daira_web.answers import problems
from daira_web.described import file
from daira_web.files import ANYWHERE, ASK_AGAIN, READ, RangeNotSatisfiable, is_known, serve
from daira_web.guards import PUBLIC


@route(
    "/{playback_id:str}/master.m3u8",
    http_method=READ,
    operation_id="ReadMasterPlaylist",
    responses={**file(keys.content_type(keys.MASTER)), **problems(PlaybackNotFound, ObjectStoreUnavailable)},
    summary="The adaptive stream of a video; it gains rungs while they are made",
    opt=PUBLIC,
)
async def read_master(
    request: Request[Any, Any, Any], playback_id: FromPath[str], video: NamedDependency[VideoService]
) -> Response[Any]:
    """Revalidated each time."""
    return _playlist(request, await video.playback.master(playback_id))


@route(
    "/{playback_id:str}/saver.m3u8",
    http_method=READ,
    operation_id="ReadSaverPlaylist",
    responses={**file(keys.content_type(keys.MASTER)), **problems(PlaybackNotFound, ObjectStoreUnavailable)},
    summary="The adaptive stream of a video for readers who spare data: at most 360p",
    opt=PUBLIC,
)
async def read_saver(
    request: Request[Any, Any, Any], playback_id: FromPath[str], video: NamedDependency[VideoService]
) -> Response[Any]:
    """Revalidated each time."""
    return _playlist(request, await video.playback.saver(playback_id))


@route(
    "/{playback_id:str}/{rung:str}/playlist.m3u8",
    http_method=READ,
    operation_id="ReadRungPlaylist",
    responses={**file(keys.content_type(keys.MASTER)), **problems(PlaybackNotFound, ObjectStoreUnavailable)},
    summary="The segments of one rung, such as 360p",
    opt=PUBLIC,
)
async def read_playlist(
    request: Request[Any, Any, Any],
    playback_id: FromPath[str],
    rung: FromPath[str],
    video: NamedDependency[VideoService],
) -> Response[Any]:
    """Revalidated each time."""
    return _playlist(request, await video.playback.playlist(playback_id, rung))


@route(
    "/{playback_id:str}/{rung:str}/{segment:str}",
    http_method=READ,
    operation_id="ReadSegment",
    responses={**file("video/mp2t"), **problems(PlaybackNotFound, RangeNotSatisfiable, ObjectStoreUnavailable)},
    summary="A segment of one rung, such as 360p/seg_00000.ts",
    opt=PUBLIC,
)
async def read_segment(
    request: Request[Any, Any, Any],
    playback_id: FromPath[str],
    rung: FromPath[str],
    segment: FromPath[str],
    video: NamedDependency[VideoService],
) -> Response[Any]:
    """Immutable, with ranges."""
    return await _file(request, await video.playback.segment(playback_id, rung, segment), "segment")


@route(
    "/{playback_id:str}/video.mp4",
    http_method=READ,
    operation_id="ReadMp4",
    responses={
        **file(keys.content_type(keys.MP4)),
        **problems(PlaybackNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
    },
    summary="The whole video as one MP4 of at most 720p",
    opt=PUBLIC,
)
async def read_mp4(
    request: Request[Any, Any, Any], playback_id: FromPath[str], video: NamedDependency[VideoService]
) -> Response[Any]:
    """Immutable, with ranges."""
    return await _file(request, await video.playback.file(playback_id, keys.MP4), "mp4")


@route(
    "/{playback_id:str}/poster.jpg",
    http_method=READ,
    operation_id="ReadPoster",
    responses={
        **file(keys.content_type(keys.POSTERS[0])),
        **problems(PlaybackNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
    },
    summary="A still picture of the video, as JPEG",
    opt=PUBLIC,
)
async def read_poster(
    request: Request[Any, Any, Any], playback_id: FromPath[str], video: NamedDependency[VideoService]
) -> Response[Any]:
    """Immutable."""
    return await _file(request, await video.playback.file(playback_id, keys.POSTERS[0]), "poster")


@route(
    "/{playback_id:str}/poster.webp",
    http_method=READ,
    operation_id="ReadPosterWebp",
    responses={
        **file(keys.content_type(keys.POSTERS[1])),
        **problems(PlaybackNotFound, RangeNotSatisfiable, ObjectStoreUnavailable),
    },
    summary="A still picture of the video, as WebP",
    opt=PUBLIC,
)
async def read_poster_webp(
    request: Request[Any, Any, Any], playback_id: FromPath[str], video: NamedDependency[VideoService]
) -> Response[Any]:
    """Immutable."""
    return await _file(request, await video.playback.file(playback_id, keys.POSTERS[1]), "poster")


def _playlist(request: Request[Any, Any, Any], text: str) -> Response[Any]:
    """Playlists are compressed, as players expect them to be."""
    body = text.encode()
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {**ANYWHERE, "ETag": tag, "Cache-Control": ASK_AGAIN, "Vary": "Accept-Encoding"}
    if is_known(request, tag):
        return Response(None, status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    if request.method == "HEAD":
        body = b""
    return Response(body, headers=headers, media_type=keys.content_type(keys.MASTER))


async def _file(request: Request[Any, Any, Any], file: StoredFile, kind: str) -> Response[Any]:
    answer = await serve(request, file)
    if request.method == "GET":
        SERVED_BYTES.labels(kind).inc(int(answer.headers.get("Content-Length", 0)))
    return answer


ROUTES = (
    Router(
        path="/media/videos",
        route_handlers=[
            read_master,
            read_saver,
            read_playlist,
            read_segment,
            read_mp4,
            read_poster,
            read_poster_webp,
        ],
        tags=["video"],
    ),
)
