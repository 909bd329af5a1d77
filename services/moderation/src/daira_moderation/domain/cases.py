"""A question that a person has to answer."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from daira_moderation.domain.verdicts import Decision, Reason, Subject


class CaseState(Enum):
    """OBSOLETE: the subject changed or went before anybody decided."""

    OPEN = "OPEN"
    DECIDED = "DECIDED"
    OBSOLETE = "OBSOLETE"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a subject that no list could decide about, with the rules that fired."""

    id: UUID
    subject: Subject
    subject_id: str
    subject_revision: int
    author_id: UUID
    reasons: tuple[Reason, ...]
    state: CaseState
    opened_at: datetime
    decision: Decision | None = None
    reason_code: str | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None
