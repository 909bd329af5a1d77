"""One request and one answer of each kind, as the API document shows it."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from daira_moderation.schemas import CaseAnswer, CaseDecision, RuleFired

EXAMPLES: Final = (
    CaseDecision(decision="REJECTED", reason="insult"),
    CaseAnswer(
        id=UUID("0199a6aa-0b10-7c21-8d32-9e43af54b065"),
        subject_type="POST",
        subject_id="0199a6a8-2c40-7d3e-9a5b-6c7d8e9f0a1b",
        subject_revision=1,
        author_id=UUID("0199a6a4-b3e3-7cf0-8a6d-1c2f0b7e4d9a"),
        reasons=[RuleFired(code="insult", rule="wordlist:ar:17")],
        state="OPEN",
        opened_at=datetime(2026, 10, 5, 7, 12, 50, tzinfo=UTC),
        decision=None,
        reason=None,
        decided_by=None,
        decided_at=None,
    ),
)
"""Shown wherever one of these is taken or answered."""
