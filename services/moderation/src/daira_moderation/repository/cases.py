"""Cases: what waits for a person."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daira_moderation.domain.cases import Case, CaseState
from daira_moderation.domain.verdicts import Verdict
from daira_moderation.repository.verdicts import reasons_json
from daira_stores.work import Work

_LAST = UUID(int=0)


async def open_for(work: Work, case_id: UUID, verdict: Verdict) -> None:
    """A case about the revision that the verdict is about, open again if it was obsolete; twice changes nothing."""
    await work.execute(
        """
        INSERT INTO review_case (id, subject, subject_id, subject_revision, author_id, reasons, state, opened_at)
        VALUES (%s, %s, %s, %s, %s, %s, 'OPEN', %s)
        ON CONFLICT (subject, subject_id, subject_revision) DO UPDATE SET state = 'OPEN', reasons = excluded.reasons,
            opened_at = excluded.opened_at WHERE review_case.state = 'OBSOLETE'
        """,
        (
            case_id,
            verdict.subject.value,
            verdict.subject_id,
            verdict.judged,
            verdict.author_id,
            reasons_json(verdict.reasons),
            verdict.decided_at,
        ),
    )


async def drop_open(work: Work, verdict: Verdict) -> None:
    """The subject has changed or is gone: what was asked about it needs no answer any more."""
    await work.execute(
        "UPDATE review_case SET state = 'OBSOLETE' WHERE subject = %s AND subject_id = %s AND state = 'OPEN'",
        (verdict.subject.value, verdict.subject_id),
    )


async def find(work: Work, case_id: UUID) -> Case | None:
    """A case as it is."""
    return _case(await work.one("SELECT * FROM review_case WHERE id = %s", (case_id,)))


async def page(work: Work, after: tuple[datetime, UUID] | None, limit: int) -> list[Case]:
    """Open cases, the oldest first."""
    at, last = after or ("-infinity", _LAST)
    rows = await work.all(
        """
        SELECT * FROM review_case WHERE state = 'OPEN' AND (opened_at, id) > (%s, %s) ORDER BY opened_at, id LIMIT %s
        """,
        (at, last, limit),
    )
    return [case for case in map(_case, rows) if case is not None]


async def decide(work: Work, case: Case) -> bool:
    """Write the decision; False when the case is not open any more."""
    cursor = await work.execute(
        """
        UPDATE review_case SET state = %s, decision = %s, reason_code = %s, decided_by = %s, decided_at = %s
        WHERE id = %s AND state = 'OPEN'
        """,
        (
            CaseState.DECIDED.value,
            case.decision.value if case.decision else None,
            case.reason_code,
            case.decided_by,
            case.decided_at,
            case.id,
        ),
    )
    return cursor.rowcount == 1


async def forget(work: Work, person: UUID) -> None:
    """Delete cases about an erased person, and take their name off those they decided."""
    await work.execute("DELETE FROM review_case WHERE author_id = %s", (person,))
    await work.execute("UPDATE review_case SET decided_by = NULL WHERE decided_by = %s", (person,))


def _case(row: dict[str, Any] | None) -> Case | None:
    return msgspec.convert(row, Case) if row else None
