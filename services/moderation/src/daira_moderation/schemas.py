"""Requests and answers of moderation."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

ReasonCode = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,39}$", description="Such as insult, threat or fine")]


class CaseDecision(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a person decided, and a stable code of why."""

    decision: Literal["APPROVED", "REJECTED"]
    reason: ReasonCode


class RuleFired(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the case was opened."""

    code: str
    rule: str


class CaseAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A case. The text is read where it lives: moderation keeps none."""

    id: UUID
    subject_type: Literal["POST", "PROFILE"]
    subject_id: str
    subject_revision: int
    author_id: UUID
    reasons: list[RuleFired]
    state: Literal["OPEN", "DECIDED", "OBSOLETE"]
    opened_at: datetime
    decision: Literal["APPROVED", "REJECTED", "NEEDS_REVIEW"] | None
    reason: str | None
    decided_by: UUID | None
    decided_at: datetime | None
