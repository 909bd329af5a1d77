"""/v1/media: what an upload has become."""

from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_kit.errors import NotYetVisible
from daira_media.domain.assets import Asset, Video, visible_percent, visible_state
from daira_media.domain.exports import CONTENT_TYPE, NAME, Export, ExportState
from daira_media.errors import MediaNotFound
from daira_media.routes.examples import READY_VIDEO
from daira_media.schemas import MediaView, VariantView
from daira_media.service.assets import Known
from daira_media.service.media import MediaService
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

UNSETTLED = frozenset({"UPLOADED", "PROBING", "PROCESSING"})
ASK_AGAIN_SECONDS = 2


@get(
    "/v1/media/{media_id:uuid}",
    operation_id="ReadMedia",
    responses={**READY_VIDEO, **problems(MediaNotFound, NotYetVisible)},
    summary="How far an upload is and where it plays",
    guards=[signed_in],
    security=[{"bearer": []}],
    tags=["media"],
)
async def read_media(
    request: Request[Any, Any, Any],
    media_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    media: NamedDependency[MediaService],
) -> Response[MediaView]:
    """For the owner; anybody else gets 404. `Retry-After` says when to ask again while it is being worked on."""
    view = await _look(media, caller.user_id, media_id)
    tag = f'"{blake2b(msgspec.json.encode(view), digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if view.state in UNSETTLED:
        headers["Retry-After"] = str(ASK_AGAIN_SECONDS)
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)  # type: ignore[arg-type]
    return Response(view, headers=headers)


async def _look(media: MediaService, owner_id: UUID, media_id: UUID) -> MediaView:
    try:
        return view_of(await media.assets.read(owner_id, media_id))
    except MediaNotFound:
        return _view_of_export(await media.exports.read(owner_id, media_id))


def _view_of_export(export: Export) -> MediaView:
    view = MediaView(
        id=export.id,
        kind="EXPORT",
        state=export.state.value,
        progress=visible_percent(export.state.value, None),
        failure_code=export.failure_code,
        expires_at=export.expires_at,
    )
    if export.state is not ExportState.READY:
        return view
    archive = VariantView(name=NAME, url=export.url, content_type=CONTENT_TYPE, size_bytes=export.size_bytes)
    return msgspec.structs.replace(view, variants=(archive,))


def view_of(known: Known) -> MediaView:
    """What the owner reads. Raises MediaNotFound for a removed one."""
    state = visible_state(known.asset, known.video, known.percent)
    if state == "REMOVED":
        raise MediaNotFound
    view = MediaView(
        id=known.asset.id,
        kind=known.asset.kind.value,
        state=state,
        progress=visible_percent(state, known.percent),
        failure_code=known.asset.failure_code,
    )
    return _with_video(view, known.video) if known.video else _with_renditions(view, known.asset)


def _with_renditions(view: MediaView, asset: Asset) -> MediaView:
    largest = max(asset.renditions, key=lambda rendition: rendition.width, default=None)
    return msgspec.structs.replace(
        view,
        duration_ms=asset.duration_ms,
        width=largest.width if largest and largest.width else None,
        height=largest.height if largest and largest.height else None,
        blurhash=asset.blurhash,
        waveform=asset.waveform,
        variants=tuple(
            VariantView(
                name=rendition.name,
                url=rendition.url,
                content_type=rendition.content_type,
                width=rendition.width,
                height=rendition.height,
                size_bytes=rendition.size_bytes,
            )
            for rendition in asset.renditions
        ),
    )


def _with_video(view: MediaView, video: Video) -> MediaView:
    return msgspec.structs.replace(
        view,
        failure_code=video.failure_code,
        duration_ms=video.duration_ms or None,
        width=video.width or None,
        height=video.height or None,
        hls_url=video.hls_url,
        mp4_url=video.mp4_url,
        poster_url=video.poster_url,
        blurhash=video.blurhash,
        variants=tuple(
            VariantView(name=one.name, width=one.width, height=one.height, bandwidth=one.bandwidth)
            for one in video.variants
        ),
    )
