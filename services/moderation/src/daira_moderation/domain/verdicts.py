"""From the words that were found to a decision that says why."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from daira_moderation.domain.words import Hit, Words


class Decision(Enum):
    """NEEDS_REVIEW waits for a person. In a word list APPROVED marks a word that only looks like a bad one."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


class Subject(Enum):
    """What is judged."""

    POST = "POST"
    PROFILE = "PROFILE"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One pattern of a word list."""

    pattern: str
    category: str
    decision: Decision


class WordList(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a list; the number of an entry is its place."""

    list_id: str
    version: int
    entries: tuple[Entry, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A stable code for the person concerned and the rule that fired, such as `wordlist:ar:17`."""

    code: str
    rule: str


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a text, with every reason for it, and the version of the policy that gave it."""

    decision: Decision
    reasons: tuple[Reason, ...] = ()
    policy_version: int = 1


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a subject: never its text.

    `seen` is the newest revision of the subject that was heard of, `judged` the one the decision is about, `revision`
    counts what was told. A `gone` subject has no verdict any more.
    """

    subject: Subject
    subject_id: str
    author_id: UUID
    seen: int
    judged: int
    revision: int
    decision: Decision | None
    reasons: tuple[Reason, ...] = ()
    policy_version: int = 0
    decided_at: datetime
    gone: bool = False


HANDLE = "handle:"
"""Put before the rule of a reason that is about a handle, so that who owns it knows what to take back."""


class Matcher:
    """One word list, ready to judge."""

    def __init__(self, words: WordList) -> None:
        self.words = words
        self._words = Words(entry.pattern for entry in words.entries)

    def judge(self, text: str) -> set[tuple[Decision, Reason]]:
        """Every entry that fires, with its decision. A word that is allowed as it is written is not read otherwise."""
        fired: set[tuple[Decision, Reason]] = set()
        for hits in self._words.find(text):
            if not any(self._entry(hit).decision is Decision.APPROVED and not hit.franco for hit in hits):
                fired |= {(self._entry(hit).decision, self._reason(hit)) for hit in hits if self._is_bad(hit)}
        return fired

    def _entry(self, hit: Hit) -> Entry:
        return self.words.entries[hit.number]

    def _is_bad(self, hit: Hit) -> bool:
        return self._entry(hit).decision is not Decision.APPROVED

    def _reason(self, hit: Hit) -> Reason:
        return Reason(code=self._entry(hit).category, rule=f"wordlist:{self.words.list_id}:{hit.number}")


def decide(texts: Iterable[str], matchers: Sequence[Matcher]) -> Opinion:
    """The strictest decision that any word asks for; without any, approval."""
    fired = {one for text in texts for matcher in matchers for one in matcher.judge(text)}
    decisions = {decision for decision, _ in fired}
    strictest = next((one for one in (Decision.REJECTED, Decision.NEEDS_REVIEW) if one in decisions), Decision.APPROVED)
    return Opinion(
        decision=strictest,
        reasons=tuple(sorted(reason for decision, reason in fired if decision is strictest)),
        policy_version=sum(matcher.words.version for matcher in matchers),
    )


def with_handle(text: Opinion, handle: Opinion) -> Opinion:
    """The opinion on a profile. A handle is refused or not: its short words are not worth a person's time."""
    if handle.decision is not Decision.REJECTED:
        return text
    kept = text.reasons if text.decision is Decision.REJECTED else ()
    about_handle = tuple(Reason(code=reason.code, rule=HANDLE + reason.rule) for reason in handle.reasons)
    return msgspec.structs.replace(text, decision=Decision.REJECTED, reasons=(*kept, *about_handle))
