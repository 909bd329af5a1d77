"""A copy of everything the platform knows about the caller."""

from functools import partial

from litestar import Response, post
from litestar.di import NamedDependency

from daira_user.errors import PersonNotFound
from daira_user.routes.limits import Limits
from daira_user.schemas import ExportAnswer
from daira_user.service import UserService
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.idempotency import IdempotencyKey
from daira_web.tokens import Caller

TAGS = ["user"]


@post(
    "/v1/users/me/export",
    operation_id="AskExport",
    responses=problems(PersonNotFound),
    summary="Ask for a copy of your data",
    description="The archive is made in the background: `GET /v1/media/{mediaId}` says how far it is and where.",
    status_code=202,
    guards=[signed_in],
    tags=TAGS,
)
async def ask_export(
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    limits: NamedDependency[Limits],
    idempotency: NamedDependency[IdempotencyKey | None],
) -> Response[ExportAnswer]:
    allow = partial(limits.on_export, caller.user_id)
    export_id = await user.exports.ask(caller.user_id, idempotency, allow, lambda id_: ExportAnswer(media_id=id_))
    return Response(ExportAnswer(media_id=export_id), headers={"Location": f"/v1/media/{export_id}"})


ROUTES = (ask_export,)
