"""Follow, block and mute. PUT and DELETE can be repeated: the answer is the same."""

from uuid import UUID

from litestar import delete, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_kit.errors import NotYetVisible
from daira_user.errors import NotWithYourself, PersonNotFound, RequestNotFound, UnblockFirst
from daira_user.routes.answers import relation
from daira_user.routes.examples import FOLLOWING
from daira_user.routes.limits import Limits
from daira_user.schemas import FollowAnswer, RelationAnswer
from daira_user.service import UserService
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

TAGS = ["user"]


@put(
    "/v1/users/{user_id:uuid}/follow",
    operation_id="Follow",
    responses={**FOLLOWING, **problems(PersonNotFound, NotYetVisible, NotWithYourself, UnblockFirst)},
    summary="Follow, or ask a private account to",
    guards=[signed_in],
    tags=TAGS,
)
async def follow(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
) -> RelationAnswer:
    await limits.on_relation(caller.user_id)
    return relation(await user.relations.follow(caller.user_id, user_id))


@delete(
    "/v1/users/{user_id:uuid}/follow",
    operation_id="Unfollow",
    responses=problems(NotWithYourself),
    summary="Stop following, or take the request back",
    status_code=200,
    guards=[signed_in],
    tags=TAGS,
)
async def unfollow(
    user_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> RelationAnswer:
    return relation(await user.relations.unfollow(caller.user_id, user_id))


@put(
    "/v1/users/{user_id:uuid}/block",
    operation_id="Block",
    responses=problems(PersonNotFound, NotYetVisible, NotWithYourself),
    summary="Block: ends every follow and request between the two",
    guards=[signed_in],
    tags=TAGS,
)
async def block(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
) -> RelationAnswer:
    await limits.on_relation(caller.user_id)
    return relation(await user.relations.block(caller.user_id, user_id))


@delete(
    "/v1/users/{user_id:uuid}/block",
    operation_id="Unblock",
    responses=problems(NotWithYourself),
    summary="Unblock; what the block ended does not come back",
    status_code=200,
    guards=[signed_in],
    tags=TAGS,
)
async def unblock(
    user_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> RelationAnswer:
    return relation(await user.relations.unblock(caller.user_id, user_id))


@put(
    "/v1/users/{user_id:uuid}/mute",
    operation_id="Mute",
    responses=problems(PersonNotFound, NotYetVisible, NotWithYourself),
    summary="Hear nothing of somebody, without their knowing",
    guards=[signed_in],
    tags=TAGS,
)
async def mute(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
) -> RelationAnswer:
    await limits.on_relation(caller.user_id)
    return relation(await user.relations.mute(caller.user_id, user_id))


@delete(
    "/v1/users/{user_id:uuid}/mute",
    operation_id="Unmute",
    responses=problems(NotWithYourself),
    summary="Hear of somebody again",
    status_code=200,
    guards=[signed_in],
    tags=TAGS,
)
async def unmute(
    user_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> RelationAnswer:
    return relation(await user.relations.unmute(caller.user_id, user_id))


@put(
    "/v1/users/me/follow-requests/{requester_id:uuid}",
    operation_id="AcceptFollowRequest",
    responses=problems(NotWithYourself, RequestNotFound),
    summary="Let somebody follow you; the answer is how they stand to you",
    guards=[signed_in],
    tags=TAGS,
)
async def accept_request(
    requester_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> FollowAnswer:
    return FollowAnswer(state=(await user.relations.accept(caller.user_id, requester_id)).follow)


@delete(
    "/v1/users/me/follow-requests/{requester_id:uuid}",
    operation_id="DeclineFollowRequest",
    responses=problems(NotWithYourself),
    summary="Refuse who asks to follow you; they are not told",
    status_code=200,
    guards=[signed_in],
    tags=TAGS,
)
async def decline_request(
    requester_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> FollowAnswer:
    return FollowAnswer(state=(await user.relations.decline(caller.user_id, requester_id)).follow)


ROUTES = (follow, unfollow, block, unblock, mute, unmute, accept_request, decline_request)
