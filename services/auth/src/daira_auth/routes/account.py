"""Leaving DAIRA. The path reads as user's; the gateway sends it here, because auth owns the end of a person."""

from litestar import delete
from litestar.di import NamedDependency

from daira_auth.errors import FreshLoginNeeded
from daira_auth.schemas import ErasureAnswer
from daira_auth.service import AuthService
from daira_kit.errors import NotFound
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.tokens import Caller


@delete(
    "/v1/users/me",
    operation_id="EraseMe",
    responses=problems(NotFound, FreshLoginNeeded),
    summary="Ask to be forgotten after the days of grace",
    description="Needs a session whose code was verified within the last minutes. A new log-in takes the wish back.",
    status_code=202,
    guards=[signed_in],
    tags=["auth"],
)
async def erase_me(caller: NamedDependency[Caller], auth: NamedDependency[AuthService]) -> ErasureAnswer:
    erases_at = await auth.account.ask_erasure(caller.user_id, caller.session_id)
    return ErasureAnswer(state="SCHEDULED", erases_at=erases_at)
