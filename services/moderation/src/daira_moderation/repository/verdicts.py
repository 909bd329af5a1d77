"""The newest verdict on each subject."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from daira_moderation.domain.verdicts import Reason, Subject, Verdict
from daira_stores.work import Work


async def lock(work: Work, subject: Subject, subject_id: str) -> Verdict | None:
    """The verdict; this subject, known or not, is nobody else's until the transaction ends."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"{subject.value}:{subject_id}",))
    row = await work.one("SELECT * FROM verdict WHERE subject = %s AND subject_id = %s", (subject.value, subject_id))
    return _verdict(row) if row else None


async def put(work: Work, verdict: Verdict) -> None:
    """Write every field; the subject must be locked."""
    await work.execute(
        """
        INSERT INTO verdict (subject, subject_id, author_id, seen, judged, revision, decision, reasons, policy_version,
            decided_at, gone, approved)
        VALUES (%(subject)s, %(subject_id)s, %(author_id)s, %(seen)s, %(judged)s, %(revision)s, %(decision)s,
            %(reasons)s, %(policy_version)s, %(decided_at)s, %(gone)s, %(approved)s)
        ON CONFLICT (subject, subject_id) DO UPDATE SET seen = excluded.seen, judged = excluded.judged,
            revision = excluded.revision, decision = excluded.decision, reasons = excluded.reasons,
            policy_version = excluded.policy_version, decided_at = excluded.decided_at, gone = excluded.gone,
            approved = excluded.approved
        """,
        {
            **msgspec.structs.asdict(verdict),
            "subject": verdict.subject.value,
            "decision": verdict.decision.value if verdict.decision else None,
            "reasons": reasons_json(verdict.reasons),
        },
    )


async def remove(work: Work, subject: Subject, subject_id: str) -> None:
    """Nothing is remembered of the subject."""
    await work.execute("DELETE FROM verdict WHERE subject = %s AND subject_id = %s", (subject.value, subject_id))


async def of_author(work: Work, author_id: UUID, limit: int) -> list[tuple[Subject, str]]:
    """Some of the subjects of one person, in order."""
    rows = await work.all(
        "SELECT subject, subject_id FROM verdict WHERE author_id = %s ORDER BY subject, subject_id LIMIT %s",
        (author_id, limit),
    )
    return [(Subject(row["subject"]), row["subject_id"]) for row in rows]


async def reached_under_another(
    work: Work, policy_version: int, after: tuple[Subject, str] | None, limit: int
) -> list[tuple[Subject, str]]:
    """Some of the subjects whose verdict rests on other word lists, in order."""
    subject, subject_id = (after[0].value, after[1]) if after else ("", "")
    rows = await work.all(
        """
        SELECT subject, subject_id FROM verdict
        WHERE policy_version <> %s AND NOT gone AND (subject, subject_id) > (%s, %s)
        ORDER BY subject, subject_id LIMIT %s
        """,
        (policy_version, subject, subject_id, limit),
    )
    return [(Subject(row["subject"]), row["subject_id"]) for row in rows]


def reasons_json(reasons: tuple[Reason, ...]) -> Jsonb:
    """As they are stored."""
    return Jsonb(msgspec.to_builtins(reasons))


def _verdict(row: dict[str, Any]) -> Verdict:
    return msgspec.convert(row, Verdict)
