"""Lists of people."""

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from daira_kit.pages import DEFAULT_LIMIT, MAX_LIMIT, Page
from daira_user.errors import AccountPrivate, PersonNotFound
from daira_user.repository.views import Card
from daira_user.routes.answers import person
from daira_user.schemas import Person
from daira_user.service import UserService
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

TAGS = ["user"]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]


@get(
    "/v1/users/{user_id:uuid}/followers",
    operation_id="ListFollowers",
    responses=problems(PersonNotFound, AccountPrivate),
    summary="Who follows somebody, newest first",
    guards=[signed_in],
    tags=TAGS,
)
async def list_followers(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Person]:
    return _people(await user.lists.of_person("followers", user_id, caller.user_id, cursor, limit))


@get(
    "/v1/users/{user_id:uuid}/following",
    operation_id="ListFollowing",
    responses=problems(PersonNotFound, AccountPrivate),
    summary="Whom somebody follows, newest first",
    guards=[signed_in],
    tags=TAGS,
)
async def list_following(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Person]:
    return _people(await user.lists.of_person("following", user_id, caller.user_id, cursor, limit))


@get(
    "/v1/users/me/follow-requests",
    operation_id="ListFollowRequests",
    summary="Who asks to follow you",
    guards=[signed_in],
    tags=TAGS,
)
async def list_requests(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Person]:
    return _people(await user.lists.own("requests", caller.user_id, cursor, limit))


@get("/v1/users/me/blocks", operation_id="ListBlocks", summary="Whom you block", guards=[signed_in], tags=TAGS)
async def list_blocks(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Person]:
    return _people(await user.lists.own("blocks", caller.user_id, cursor, limit))


@get("/v1/users/me/mutes", operation_id="ListMutes", summary="Whom you mute", guards=[signed_in], tags=TAGS)
async def list_mutes(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Person]:
    return _people(await user.lists.own("mutes", caller.user_id, cursor, limit))


def _people(page: Page[Card]) -> Page[Person]:
    return Page(items=[person(card) for card in page.items], next_cursor=page.next_cursor, has_more=page.has_more)


ROUTES = (list_followers, list_following, list_requests, list_blocks, list_mutes)
