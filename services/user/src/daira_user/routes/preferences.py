"""Settings."""

from litestar import Response, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from daira_user.errors import PersonNotFound
from daira_user.routes.answers import IfNoneMatch, tagged
from daira_user.routes.limits import Limits
from daira_user.schemas import SettingsAnswer, SettingsPatch
from daira_user.service import UserService
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller

TAGS = ["user"]


@get("/v1/users/me/settings", operation_id="GetSettings", summary="Your settings", guards=[signed_in], tags=TAGS)
async def get_settings(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    if_none_match: IfNoneMatch = None,
) -> Response[SettingsAnswer | None]:
    return tagged(SettingsAnswer(data_saver=await user.preferences.read(caller.user_id)), if_none_match)


@patch(
    "/v1/users/me/settings",
    operation_id="EditSettings",
    responses=problems(PersonNotFound),
    summary="Change your settings",
    guards=[signed_in],
    tags=TAGS,
)
async def edit_settings(
    data: JSONBody[SettingsPatch],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
) -> Response[SettingsAnswer | None]:
    await limits.on_profile(caller.user_id)
    return tagged(SettingsAnswer(data_saver=await user.preferences.write(caller.user_id, data.data_saver)))


ROUTES = (get_settings, edit_settings)
