"""Profiles."""

from uuid import UUID

from litestar import Response, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from daira_kit.errors import NotYetVisible
from daira_user.errors import (
    HandleChangedTooOften,
    HandleInvalid,
    HandleReserved,
    HandleTaken,
    MediaNotFound,
    MediaNotUsable,
    PersonNotFound,
    ProfileChanged,
)
from daira_user.repository.views import Seen
from daira_user.routes.answers import IfMatch, IfNoneMatch, is_edit_of, own_profile, public_profile, tagged
from daira_user.routes.examples import OWN_PROFILE, PUBLIC_PROFILE
from daira_user.routes.limits import Limits
from daira_user.schemas import OwnProfile, ProfilePatch, PublicProfile
from daira_user.service import UserService
from daira_user.service.profiles import Edit
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

TAGS = ["user"]


@get(
    "/v1/users/me",
    operation_id="GetMe",
    responses={**OWN_PROFILE, **problems(PersonNotFound, NotYetVisible)},
    summary="Your own profile",
    guards=[signed_in],
    tags=TAGS,
)
async def get_me(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    if_none_match: IfNoneMatch = None,
) -> Response[OwnProfile | None]:
    return tagged(own_profile(await user.profiles.own(caller.user_id)), if_none_match)


@patch(
    "/v1/users/me",
    operation_id="EditMe",
    responses={
        **OWN_PROFILE,
        **problems(
            PersonNotFound,
            NotYetVisible,
            ProfileChanged,
            HandleInvalid,
            HandleReserved,
            HandleTaken,
            HandleChangedTooOften,
            MediaNotFound,
            MediaNotUsable,
        ),
    },
    summary="Change your profile",
    description="Absent fields stay. With `If-Match`, 412 unless what can be edited is as you read it.",
    guards=[signed_in],
    tags=TAGS,
)
async def edit_me(
    data: JSONBody[ProfilePatch],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
    if_match: IfMatch = None,
) -> Response[OwnProfile | None]:
    await limits.on_profile(caller.user_id)

    def is_current(seen: Seen) -> bool:
        return if_match is None or is_edit_of(if_match, own_profile(seen))

    edit = Edit(**{name: getattr(data, name) for name in Edit.__struct_fields__})
    return tagged(own_profile(await user.profiles.edit(caller.user_id, edit, is_current)))


@get(
    "/v1/users/{user_id:uuid}",
    operation_id="GetUser",
    responses={**PUBLIC_PROFILE, **problems(PersonNotFound, NotYetVisible)},
    summary="A profile",
    guards=[signed_in],
    tags=TAGS,
)
async def get_user(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    if_none_match: IfNoneMatch = None,
) -> Response[PublicProfile | None]:
    return tagged(public_profile(await user.profiles.show(caller.user_id, user_id)), if_none_match)


@get(
    "/v1/users/by-handle/{handle:str}",
    operation_id="GetUserByHandle",
    responses={**PUBLIC_PROFILE, **problems(PersonNotFound)},
    summary="A profile by its handle",
    guards=[signed_in],
    tags=TAGS,
)
async def get_user_by_handle(
    handle: FromPath[str],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    if_none_match: IfNoneMatch = None,
) -> Response[PublicProfile | None]:
    return tagged(public_profile(await user.profiles.show_by_handle(caller.user_id, handle)), if_none_match)


ROUTES = (get_me, edit_me, get_user, get_user_by_handle)
