"""Cases, for staff."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from daira_kit.pages import DEFAULT_LIMIT, MAX_LIMIT, Page
from daira_moderation.domain.cases import Case
from daira_moderation.domain.verdicts import Decision
from daira_moderation.errors import CaseClosed, CaseNotFound
from daira_moderation.schemas import CaseAnswer, CaseDecision, RuleFired
from daira_moderation.service import ModerationService
from daira_moderation.settings import Settings
from daira_web.answers import problems
from daira_web.guards import staff
from daira_web.idempotency import IdempotencyKey
from daira_web.limits import Limiter
from daira_web.tokens import Caller

TAGS = ["moderation"]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]


@get(
    "/v1/moderation/cases",
    operation_id="ListCases",
    summary="What waits for a decision, the oldest first",
    guards=[staff],
    tags=TAGS,
)
async def list_cases(
    caller: NamedDependency[Caller],
    moderation: NamedDependency[ModerationService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CaseAnswer]:
    page = await moderation.cases.list(caller.user_id, cursor, limit)
    return Page(items=[_answer(case) for case in page.items], next_cursor=page.next_cursor, has_more=page.has_more)


@post(
    "/v1/moderation/cases/{case_id:uuid}/decisions",
    operation_id="DecideCase",
    responses=problems(CaseNotFound, CaseClosed),
    summary="Decide about a case",
    status_code=200,
    guards=[staff],
    tags=TAGS,
)
async def decide_case(
    case_id: FromPath[UUID],
    data: JSONBody[CaseDecision],
    caller: NamedDependency[Caller],
    moderation: NamedDependency[ModerationService],
    limiter: NamedDependency[Limiter],
    settings: NamedDependency[Settings],
    idempotency: NamedDependency[IdempotencyKey | None],
) -> CaseAnswer:
    await limiter.hit(settings.decisions_limit, "moderation.decision", str(caller.user_id))
    return await moderation.cases.decide(
        case_id, caller.user_id, Decision(data.decision), data.reason, idempotency, _answer
    )


def _answer(case: Case) -> CaseAnswer:
    return CaseAnswer(
        id=case.id,
        subject_type=case.subject.value,
        subject_id=case.subject_id,
        subject_revision=case.subject_revision,
        author_id=case.author_id,
        reasons=[RuleFired(code=reason.code, rule=reason.rule) for reason in case.reasons],
        state=case.state.value,
        opened_at=case.opened_at,
        decision=case.decision.value if case.decision else None,
        reason=case.reason_code,
        decided_by=case.decided_by,
        decided_at=case.decided_at,
    )


ROUTES = (list_cases, decide_case)
