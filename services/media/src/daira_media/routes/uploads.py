"""/v1/uploads: tus 1.0 with all its extensions."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import HttpMethod, Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_media.domain import tus
from daira_media.domain.tus import Concat
from daira_media.domain.uploads import Upload
from daira_media.errors import HeaderInvalid, OverrideUnknown
from daira_media.routes import headers as taken
from daira_media.routes.refusals import CREATING, READING, REMOVING, WRITING
from daira_media.routes.tus import (
    AnyRequest,
    TusResumable,
    base_url,
    body_of,
    chunk_order,
    description,
    empty,
    has_chunk,
    place,
    speaks_tus,
    standing,
)
from daira_media.service.media import MediaService
from daira_media.service.uploads import Creation
from daira_stores.idempotency import IdempotencyKey, Replayed
from daira_web.answers import problems
from daira_web.guards import PUBLIC, signed_in
from daira_web.idempotency import sent_key
from daira_web.limits import Limiter
from daira_web.tokens import Caller

ONE: Final = "/{upload_id:uuid}"
TUS_GUARDS: Final = (signed_in, speaks_tus)
BEARER: Final = ({"bearer": list[str]()},)
REPLAYED: Final = {"Idempotent-Replayed": "true"}


@route(
    "/",
    http_method=[HttpMethod.OPTIONS],
    operation_id="TusOptions",
    summary="What this upload server can do",
    opt=PUBLIC,
    status_code=204,
)
async def tus_options(upload_max_size: NamedDependency[int]) -> Response[None]:
    """Version, extensions and limits of this tus server."""
    return _options(upload_max_size)


@route(
    ONE,
    http_method=[HttpMethod.OPTIONS],
    operation_id="TusOptionsOne",
    summary="What this upload server can do",
    opt=PUBLIC,
    status_code=204,
)
async def tus_options_one(upload_id: FromPath[UUID], upload_max_size: NamedDependency[int]) -> Response[None]:
    """The same below each upload."""
    return _options(upload_max_size)


def _options(upload_max_size: int) -> Response[None]:
    return empty(
        204,
        {
            "Tus-Version": tus.VERSION,
            "Tus-Extension": ",".join(tus.EXTENSIONS),
            "Tus-Max-Size": str(upload_max_size),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        },
    )


@route(
    "/",
    http_method=[HttpMethod.POST],
    operation_id="CreateUpload",
    responses=problems(*CREATING),
    opt=taken.CREATING,
    guards=TUS_GUARDS,
    security=BEARER,
    summary="Begin an upload",
    status_code=201,
)
async def create_upload(
    request: Request[Any, Any, Any],
    caller: NamedDependency[Caller],
    media: NamedDependency[MediaService],
    public_url: NamedDependency[str],
    limiter: NamedDependency[Limiter],
    uploads_limit: NamedDependency[str],
) -> Response[None]:
    """Creation, with the first bytes if the client likes, or concatenation of partial uploads."""
    limits = await limiter.hit(uploads_limit, "upload", str(caller.user_id))
    base = base_url(request, public_url)
    metadata = tus.parse_metadata(request.headers.get("upload-metadata"))
    concat = tus.parse_concat(request.headers.get("upload-concat"))
    idempotency = _idempotency(request, caller)
    if concat is not None and concat.is_final:
        upload, again = await _join(request, caller, media, concat, metadata, idempotency)
        return empty(201, {**place(upload, base), **standing(upload), **again})
    headers = request.headers
    length = tus.parse_length(headers.get("upload-length"), headers.get("upload-defer-length"))
    creation = Creation(length=length.size, metadata=metadata, is_partial=concat is not None)
    try:
        upload = await media.uploads.create(caller.user_id, creation, idempotency)
    except Replayed as answered:
        upload = await media.uploads.find(caller.user_id, _id_of(answered))
        return empty(201, {**place(upload, base), **standing(upload), **REPLAYED})
    if has_chunk(request):
        order = msgspec.structs.replace(chunk_order(request, 0), length=None)
        upload = await media.writing.write(caller.user_id, upload.id, order, body_of(request))
    return empty(201, {**limits, **place(upload, base), **standing(upload)})


@route(
    ONE,
    http_method=[HttpMethod.HEAD],
    operation_id="ReadUpload",
    responses=problems(*READING),
    opt=taken.SPEAKING,
    guards=TUS_GUARDS,
    security=BEARER,
    summary="Where an upload stands",
    status_code=200,
)
async def read_upload(
    upload_id: FromPath[UUID], caller: NamedDependency[Caller], media: NamedDependency[MediaService]
) -> Response[None]:
    """The offset to go on from."""
    return empty(200, description(await media.uploads.find(caller.user_id, upload_id)))


@route(
    ONE,
    http_method=[HttpMethod.PATCH],
    operation_id="WriteUpload",
    responses=problems(*WRITING),
    opt=taken.WRITING,
    guards=TUS_GUARDS,
    security=BEARER,
    summary="Send bytes",
    status_code=204,
)
async def write_upload(
    request: Request[Any, Any, Any],
    upload_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    media: NamedDependency[MediaService],
) -> Response[None]:
    """Bytes from Upload-Offset on; what arrived stays, even if the connection is cut."""
    return await _write(request, upload_id, caller, media)


@route(
    ONE,
    http_method=[HttpMethod.DELETE],
    operation_id="TerminateUpload",
    responses=problems(*REMOVING),
    opt=taken.SPEAKING,
    guards=TUS_GUARDS,
    security=BEARER,
    summary="Drop an upload",
    status_code=204,
)
async def terminate_upload(
    upload_id: FromPath[UUID], caller: NamedDependency[Caller], media: NamedDependency[MediaService]
) -> Response[None]:
    """Gives back the space of an unfinished upload."""
    await media.uploads.terminate(caller.user_id, upload_id)
    return empty(204, {})


@route(
    ONE,
    http_method=[HttpMethod.POST],
    operation_id="OverrideUploadMethod",
    responses=problems(OverrideUnknown, *WRITING, *REMOVING),
    opt=taken.OVERRIDING,
    guards=TUS_GUARDS,
    security=BEARER,
    summary="PATCH, DELETE or HEAD for clients that can only POST",
    status_code=204,
)
async def override_method(
    request: Request[Any, Any, Any],
    upload_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    media: NamedDependency[MediaService],
) -> Response[None]:
    """X-HTTP-Method-Override names the method that is meant."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await _write(request, upload_id, caller, media)
    if method == "DELETE":
        await media.uploads.terminate(caller.user_id, upload_id)
        return empty(204, {})
    if method == "HEAD":
        return empty(200, description(await media.uploads.find(caller.user_id, upload_id)))
    raise OverrideUnknown


async def _write(request: AnyRequest, upload_id: UUID, caller: Caller, media: MediaService) -> Response[None]:
    tus.check_chunk_type(request.headers.get("content-type"))
    offset = tus.parse_number("Upload-Offset", request.headers.get("upload-offset"))
    upload = await media.writing.write(caller.user_id, upload_id, chunk_order(request, offset), body_of(request))
    return empty(204, standing(upload))


async def _join(
    request: AnyRequest,
    caller: Caller,
    media: MediaService,
    concat: Concat,
    metadata: dict[str, str],
    idempotency: IdempotencyKey | None,
) -> tuple[Upload, dict[str, str]]:
    if "upload-length" in request.headers:
        raise HeaderInvalid("A final upload has the length of its parts; do not send Upload-Length")
    header = request.headers["upload-concat"].strip()
    try:
        return await media.joining.join(caller.user_id, concat.urls, header, metadata, idempotency), {}
    except Replayed as answered:
        return await media.joining.go_on(caller.user_id, _id_of(answered), concat.urls), REPLAYED


def _id_of(answered: Replayed) -> UUID:
    return UUID(msgspec.json.decode(answered.body)["id"])


def _idempotency(request: AnyRequest, caller: Caller) -> IdempotencyKey | None:
    """Bound to the headers that say what is created: the body may be large and is not part of the creation."""
    key = sent_key(request)
    if key is None:
        return None
    names = ("upload-length", "upload-defer-length", "upload-metadata", "upload-concat")
    said = "\n".join(request.headers.get(name, "") for name in names)
    return IdempotencyKey.make(caller.user_id, "POST /v1/uploads", key, said.encode())


uploads_router = Router(
    path="/v1/uploads",
    route_handlers=[
        tus_options,
        tus_options_one,
        create_upload,
        read_upload,
        write_upload,
        terminate_upload,
        override_method,
    ],
    middleware=[TusResumable()],
    request_max_body_size=None,
    tags=["media"],
)
