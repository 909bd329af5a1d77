"""What lists cannot decide, people do."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace

from daira_kit.clock import now
from daira_kit.cursors import CursorCodec
from daira_kit.pages import Page
from daira_moderation.domain.cases import Case, CaseState
from daira_moderation.domain.verdicts import Decision, Opinion, Reason
from daira_moderation.errors import CaseClosed, CaseNotFound
from daira_moderation.repository import cases as rows
from daira_moderation.repository import texts, verdicts
from daira_moderation.service.events import tell_verdict
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database

KIND = "cases"
A = TypeVar("A")


class Cases:
    """The queue of open cases and the decisions of staff."""

    def __init__(self, database: Database, cursors: CursorCodec) -> None:
        self._database, self._cursors = database, cursors

    async def list(self, reader: UUID, cursor: str | None, limit: int) -> Page[Case]:
        """Open cases, the oldest first. Raises CursorInvalid."""
        after = self._cursors.decode(KIND, reader, cursor, tuple[datetime, UUID]) if cursor else None
        async with self._database.read() as work:
            found = await rows.page(work, after, limit + 1)
        items, has_more = found[:limit], len(found) > limit
        place = self._cursors.encode(KIND, reader, (items[-1].opened_at, items[-1].id)) if has_more else None
        return Page(items=items, next_cursor=place, has_more=has_more)

    async def decide(
        self,
        case_id: UUID,
        staff: UUID,
        decision: Decision,
        reason: str,
        idempotency: IdempotencyKey | None,
        answer: Callable[[Case], A],
    ) -> A:
        """Close the case with a verdict on the revision it is about; returns its `answer`, as a repeat does.

        No word list overrules it: the text is forgotten.
        Raises CaseNotFound and CaseClosed.
        """
        async with self._database.work(idempotency) as work:
            case = await rows.find(work, case_id)
            if case is None:
                raise CaseNotFound
            known = await verdicts.lock(work, case.subject, case.subject_id)
            at = now()
            decided = replace(
                case,
                state=CaseState.DECIDED,
                decision=decision,
                reason_code=reason,
                decided_by=staff,
                decided_at=at,
            )
            if known is None or known.judged != case.subject_revision or not await rows.decide(work, decided):
                raise CaseClosed
            reasons = (Reason(code=reason, rule=f"case:{case.id}"),)
            verdict = known.after(Opinion(decision=decision, reasons=reasons, policy_version=known.policy_version), at)
            await verdicts.put(work, verdict)
            await texts.keep_only(work, known.subject, known.subject_id, {verdict.approved} - {verdict.judged})
            await tell_verdict(work, verdict)
            body = answer(decided)
            await work.answer(200, body)
        return body
