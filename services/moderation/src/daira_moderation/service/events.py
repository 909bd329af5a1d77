"""What moderation tells: its own words put into the contract's."""

from daira_contracts.moderation import Decision as ToldDecision
from daira_contracts.moderation import Reason as ToldReason
from daira_contracts.moderation import SubjectType, VerdictReachedV1, WordEntry, WordlistChangedV1
from daira_moderation.domain.verdicts import Decision, Verdict, WordList
from daira_stores.work import Work


async def tell_verdict(work: Work, verdict: Verdict) -> None:
    """The decision and why; never the text."""
    decision = verdict.decision or Decision.NEEDS_REVIEW
    await work.emit(
        VerdictReachedV1(
            occurred_at=verdict.decided_at,
            revision=verdict.revision,
            subject_type=SubjectType(verdict.subject.value),
            subject_id=verdict.subject_id,
            subject_revision=verdict.judged,
            decision=ToldDecision(decision.value),
            reasons=tuple(ToldReason(code=reason.code, rule=reason.rule) for reason in verdict.reasons),
            policy_version=verdict.policy_version,
        )
    )


async def withdraw_verdict(work: Work, verdict: Verdict) -> None:
    """The subject is gone, and so is what was decided about it."""
    await work.emit_tombstone(VerdictReachedV1, VerdictReachedV1.key_of(verdict.subject.value, verdict.subject_id))


async def tell_wordlist(work: Work, words: WordList) -> None:
    """The whole list; its version is the revision."""
    await work.emit(
        WordlistChangedV1(
            revision=words.version,
            list_id=words.list_id,
            entries=tuple(
                WordEntry(pattern=entry.pattern, category=entry.category, decision=ToldDecision(entry.decision.value))
                for entry in words.entries
            ),
        )
    )
