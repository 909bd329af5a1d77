"""What moderation tells: verdicts and the word lists they rest on."""

from typing import ClassVar

from daira_contracts._event import Event, Nested, OpenEnum
from daira_contracts.exports import ExportPartWritten


class SubjectType(OpenEnum):
    """What a verdict is about."""

    POST = "POST"
    COMMENT = "COMMENT"
    PROFILE = "PROFILE"
    ASSET = "ASSET"
    UNKNOWN = "UNKNOWN"


class Decision(OpenEnum):
    """NEEDS_REVIEW keeps the subject hidden until a person decides."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    NEEDS_REVIEW = "NEEDS_REVIEW"
    UNKNOWN = "UNKNOWN"


class Reason(Nested, frozen=True, kw_only=True):
    """Why: a stable code for the person concerned and the rule that fired. Never the text itself."""

    code: str
    rule: str


class VerdictReachedV1(Event, frozen=True, kw_only=True):
    """The newest verdict on a subject; it counts only for `subject_revision`."""

    topic: ClassVar[str] = "moderation.verdict-reached.v1"
    key: ClassVar[tuple[str, ...]] = ("subject_type", "subject_id")

    subject_type: SubjectType
    subject_id: str
    subject_revision: int
    decision: Decision
    reasons: tuple[Reason, ...] = ()
    policy_version: int = 1


class WordEntry(Nested, frozen=True, kw_only=True):
    """One pattern in its normalised form."""

    pattern: str
    category: str
    decision: Decision


class WordlistChangedV1(Event, frozen=True, kw_only=True):
    """The whole of a word list; `revision` is its version."""

    topic: ClassVar[str] = "moderation.wordlist-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("list_id",)

    list_id: str
    entries: tuple[WordEntry, ...]


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that moderation writes."""

    topic: ClassVar[str] = "moderation.export-part-written.v1"
