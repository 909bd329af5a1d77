"""Refreshing tokens and the list of devices."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from daira_auth.domain.sessions import Session
from daira_auth.errors import RefreshInvalid, RefreshReused
from daira_auth.routes.examples import REFRESHED
from daira_auth.routes.login import TAGS, token_answer
from daira_auth.routes.origin import AnyRequest, address_of
from daira_auth.schemas import RefreshBody, SessionAnswer, TokenAnswer
from daira_auth.service import AuthService
from daira_auth.settings import Settings
from daira_kit.errors import NotFound
from daira_kit.pages import DEFAULT_LIMIT, MAX_LIMIT, Page
from daira_web.answers import problems
from daira_web.guards import PUBLIC, signed_in
from daira_web.tokens import Caller

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]


@post(
    "/v1/auth/refresh",
    operation_id="Refresh",
    responses={**REFRESHED, **problems(RefreshInvalid, RefreshReused)},
    summary="Exchange a refresh token for a new pair",
    description="Repeat a lost exchange within ten seconds to get the same pair; any other reuse ends the session.",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def refresh(
    data: JSONBody[RefreshBody],
    request: AnyRequest,
    auth: NamedDependency[AuthService],
    settings: NamedDependency[Settings],
) -> TokenAnswer:
    address = address_of(request, settings.proxy_hops)
    agent = request.headers.get("user-agent", "")
    return token_answer(await auth.sessions.refresh(data.refresh_token, data.device_id, agent, address))


@post(
    "/v1/auth/logout",
    operation_id="LogOut",
    responses=problems(NotFound),
    summary="End this session",
    status_code=204,
    guards=[signed_in],
    tags=TAGS,
)
async def log_out(caller: NamedDependency[Caller], auth: NamedDependency[AuthService]) -> None:
    await auth.sessions.end(caller.user_id, caller.session_id, "logged_out")


@get(
    "/v1/auth/sessions",
    operation_id="ListSessions",
    summary="Devices that are logged in",
    guards=[signed_in],
    tags=TAGS,
)
async def list_sessions(
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[SessionAnswer]:
    page = await auth.sessions.read(caller.user_id, cursor, limit)
    items = [_answer(session, caller.session_id) for session in page.items]
    return Page(items=items, next_cursor=page.next_cursor, has_more=page.has_more)


@delete(
    "/v1/auth/sessions/{session_id:uuid}",
    operation_id="EndSession",
    responses=problems(NotFound),
    summary="Log a device out",
    guards=[signed_in],
    tags=TAGS,
)
async def end_session(
    session_id: FromPath[UUID], caller: NamedDependency[Caller], auth: NamedDependency[AuthService]
) -> None:
    await auth.sessions.end(caller.user_id, session_id, "ended_by_user")


def _answer(session: Session, current: UUID) -> SessionAnswer:
    return SessionAnswer(
        id=session.id,
        device_id=session.device_id,
        platform=session.platform,
        created_at=session.authenticated_at,
        last_used_at=session.last_used_at,
        is_current=session.id == current,
    )
