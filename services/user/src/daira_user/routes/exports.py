"""A copy of what user knows about the caller."""

from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from daira_user.routes import answers
from daira_user.routes.answers import IfNoneMatch
from daira_user.routes.limits import Limits
from daira_user.schemas import ExportAnswer
from daira_user.service import UserService
from daira_web.guards import signed_in
from daira_web.idempotency import IdempotencyKey
from daira_web.tokens import Caller

TAGS = ["user"]


@post(
    "/v1/users/me/export",
    operation_id="AskExport",
    summary="Ask for a copy of your data",
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
    await limits.on_export(caller.user_id)
    export = await user.exports.ask(caller.user_id, idempotency, answers.export)
    return Response(answers.export(export), headers={"Location": f"/v1/users/me/exports/{export.id}"})


@get(
    "/v1/users/me/exports/{export_id:uuid}",
    operation_id="GetExport",
    summary="How far an export is",
    guards=[signed_in],
    tags=TAGS,
)
async def get_export(
    export_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    user: NamedDependency[UserService],
    if_none_match: IfNoneMatch = None,
) -> Response[ExportAnswer | None]:
    return answers.tagged(answers.export(await user.exports.look(caller.user_id, export_id)), if_none_match)


@get(
    "/v1/users/me/exports/{export_id:uuid}/content",
    operation_id="FetchExport",
    summary="The export itself, a JSON document",
    guards=[signed_in],
    tags=TAGS,
)
async def fetch_export(
    export_id: FromPath[UUID], caller: NamedDependency[Caller], user: NamedDependency[UserService]
) -> Stream:
    content = await user.exports.fetch(caller.user_id, export_id)
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{export_id}.json"'}
    return Stream(content, media_type="application/json", headers=headers)


ROUTES = (ask_export, get_export, fetch_export)
