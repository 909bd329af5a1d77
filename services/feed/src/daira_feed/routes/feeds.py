"""Circle, and somebody's posts."""

from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from daira_feed.errors import UserNotFound
from daira_feed.routes.common import BEARER, TAGS, Limit, Network, SaveData, hints_of
from daira_feed.routes.examples import CIRCLE
from daira_feed.schemas import PostView
from daira_feed.service import FeedService
from daira_kit.errors import NotYetVisible, TooManyRequests
from daira_kit.pages import DEFAULT_LIMIT, Page
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

_NO_STORE = {"Cache-Control": "private, no-store"}


@get(
    "/v1/feed/circle",
    operation_id="ReadCircle",
    summary="The newest posts of the people I follow",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
    responses={**CIRCLE, **problems(TooManyRequests)},
)
async def read_circle(
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
    save_data: SaveData = None,
    network: Network = None,
) -> Response[bytes]:
    page = await feed.circle.read(caller.user_id, cursor, limit, hints_of(save_data, network))
    return Response(page.body, media_type="application/json", headers={**_NO_STORE, **page.headers})


@get(
    "/v1/users/{user_id:uuid}/posts",
    operation_id="ReadPostsOfUser",
    responses=problems(UserNotFound, NotYetVisible),
    summary="Somebody's posts, newest first",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def read_posts_of_user(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    feed: NamedDependency[FeedService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
    save_data: SaveData = None,
    network: Network = None,
) -> Page[PostView]:
    is_saving = await feed.readers.saves_data(caller.user_id, hints_of(save_data, network))
    return await feed.profiles.read(user_id, caller.user_id, cursor, limit, is_saving=is_saving)
