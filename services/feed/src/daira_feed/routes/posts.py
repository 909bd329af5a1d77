"""Posts."""

from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from daira_feed.errors import AuthorErased, NotTheAuthor, PostInvalid, PostNotEditable, PostNotFound, PostRemoved
from daira_feed.routes.common import (
    BEARER,
    TAGS,
    IfMatch,
    IfNoneMatch,
    Network,
    SaveData,
    etag_of,
    hints_of,
    revision_of,
)
from daira_feed.routes.examples import CREATED, POST
from daira_feed.schemas import PostCreate, PostPatch, PostView
from daira_feed.service import FeedService
from daira_feed.settings import Settings
from daira_kit.errors import NotYetVisible, PreconditionFailed
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.idempotency import IdempotencyKey
from daira_web.limits import Limiter
from daira_web.tokens import Caller


@post(
    "/v1/posts",
    operation_id="CreatePost",
    responses={**CREATED, **problems(PostInvalid, AuthorErased)},
    summary="Make a post of text, images or a video",
    description="It is PROCESSING until its media are ready and moderation approved it. Takes Idempotency-Key.",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def create_post(
    data: JSONBody[PostCreate],
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    limiter: NamedDependency[Limiter],
    settings: NamedDependency[Settings],
    idempotency: NamedDependency[IdempotencyKey | None],
) -> Response[PostView]:
    headers = await limiter.hit(settings.posts_limit, "post", str(caller.user_id))
    view = await feed.posts.create(caller.user_id, data, idempotency)
    return Response(view, headers={**headers, "Location": f"/v1/posts/{view.id}"})


@get(
    "/v1/posts/{post_id:uuid}",
    operation_id="ReadPost",
    responses={**POST, **problems(PostNotFound, NotYetVisible)},
    summary="One post",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def read_post(
    post_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    save_data: SaveData = None,
    network: Network = None,
    if_none_match: IfNoneMatch = None,
) -> Response[PostView | None]:
    is_saving = await feed.readers.saves_data(caller.user_id, hints_of(save_data, network))
    view, revision = await feed.posts.read(post_id, caller.user_id, is_saving=is_saving)
    etag = etag_of(view, revision)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Save-Data, Network-Type"}
    if if_none_match is not None and etag in (one.strip() for one in if_none_match.split(",")):
        return Response(None, status_code=304, headers=headers)
    return Response(view, headers=headers)


@patch(
    "/v1/posts/{post_id:uuid}",
    operation_id="EditPost",
    responses=problems(PostInvalid, PostNotFound, NotTheAuthor, PostRemoved, PostNotEditable, PreconditionFailed),
    summary="Change my post",
    description="Others see the last approved text until the new one is approved. `If-Match` takes the ETag.",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def edit_post(
    post_id: FromPath[UUID],
    data: JSONBody[PostPatch],
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    limiter: NamedDependency[Limiter],
    settings: NamedDependency[Settings],
    if_match: IfMatch = None,
) -> Response[PostView]:
    limits = await limiter.hit(settings.edits_limit, "post.edit", str(caller.user_id))
    view, revision = await feed.posts.edit(post_id, caller.user_id, data, revision_of(if_match))
    return Response(view, headers={**limits, "ETag": etag_of(view, revision)})


@delete(
    "/v1/posts/{post_id:uuid}",
    operation_id="RemovePost",
    responses=problems(PostNotFound, NotTheAuthor),
    summary="Remove my post everywhere",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def remove_post(
    post_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    limiter: NamedDependency[Limiter],
    settings: NamedDependency[Settings],
) -> None:
    await limiter.hit(settings.edits_limit, "post.edit", str(caller.user_id))
    await feed.posts.remove(post_id, caller.user_id)
