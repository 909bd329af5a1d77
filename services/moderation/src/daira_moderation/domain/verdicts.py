"""From the words that were found to a decision that says why."""

from collections.abc import Iterable, Iterator
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
    """What was decided about a subject.

    `seen` is the newest revision of the subject that was heard of, `judged` the one the decision is about, `revision`
    counts what was told, `approved` is the newest one that was approved (0: none): others still see it while a newer
    one is not. A `gone` subject has no verdict any more.
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
    approved: int = 0

    def after(self, opinion: Opinion, decided_at: datetime) -> "Verdict":
        """The next verdict on the same revision."""
        newest = max(self.approved, self.judged) if opinion.decision is Decision.APPROVED else self.approved
        return msgspec.structs.replace(
            self,
            revision=self.revision + 1,
            decision=opinion.decision,
            reasons=opinion.reasons,
            policy_version=opinion.policy_version,
            decided_at=decided_at,
            approved=0 if newest == self.judged and opinion.decision is not Decision.APPROVED else newest,
        )


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What one revision of a subject says; `handle` is empty for all but profiles."""

    revision: int
    texts: tuple[str, ...]
    handle: str = ""


STRICTEST_FIRST = (Decision.REJECTED, Decision.NEEDS_REVIEW)

HANDLE = "handle:"
"""Put before the rule of a reason that is about a handle, so that who owns it knows what to take back."""


class Rulebook:
    """Word lists, ready to judge. All lists share one trie, so a text is read once however many there are."""

    def __init__(self, lists: Iterable[WordList]) -> None:
        """Raises ValueError for a pattern without letters."""
        self._lists = tuple(lists)
        self._rules = [(one.list_id, number) for one in self._lists for number in range(len(one.entries))]
        self._entries = [entry for one in self._lists for entry in one.entries]
        self._words = Words(entry.pattern for entry in self._entries)
        self._version = sum(one.version for one in self._lists)

    @property
    def version(self) -> int:
        """Grows with every newer version of a list."""
        return self._version

    def judge(self, *texts: str) -> Opinion:
        """The strictest decision that any word asks for; without any, approval."""
        fired = {hit.number for text in texts for hits in self._words.find(text) for hit in self._bad(hits)}
        decisions = {self._entries[number].decision for number in fired}
        strictest = next((one for one in STRICTEST_FIRST if one in decisions), Decision.APPROVED)
        reasons = {self._reason(number) for number in fired if self._entries[number].decision is strictest}
        return Opinion(decision=strictest, reasons=tuple(sorted(reasons)), policy_version=self._version)

    def _bad(self, hits: set[Hit]) -> Iterator[Hit]:
        """A word that is allowed as it is written is not read otherwise."""
        allowed = {hit for hit in hits if self._entries[hit.number].decision is Decision.APPROVED}
        if not any(not hit.franco for hit in allowed):
            yield from hits - allowed

    def _reason(self, number: int) -> Reason:
        list_id, place = self._rules[number]
        return Reason(code=self._entries[number].category, rule=f"wordlist:{list_id}:{place}")


def with_handle(text: Opinion, handle: Opinion) -> Opinion:
    """The opinion on a profile. A handle is refused or not: its short words are not worth a person's time."""
    if handle.decision is not Decision.REJECTED:
        return text
    kept = text.reasons if text.decision is Decision.REJECTED else ()
    about_handle = tuple(Reason(code=reason.code, rule=HANDLE + reason.rule) for reason in handle.reasons)
    return msgspec.structs.replace(text, decision=Decision.REJECTED, reasons=(*kept, *about_handle))
