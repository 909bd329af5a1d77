"""What people said, as long as a newer word list may have another opinion on it."""

from collections.abc import Collection

import msgspec

from daira_moderation.domain.verdicts import Content, Subject
from daira_stores.work import Work


async def put(work: Work, subject: Subject, subject_id: str, content: Content) -> None:
    """Keep what one revision says; the verdict must be written."""
    await work.execute(
        """
        INSERT INTO judged_text (subject, subject_id, revision, texts, handle) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (subject.value, subject_id, content.revision, list(content.texts), content.handle),
    )


async def read(work: Work, subject: Subject, subject_id: str) -> dict[int, Content]:
    """What is kept of a subject, by revision."""
    rows = await work.all(
        "SELECT revision, texts, handle FROM judged_text WHERE subject = %s AND subject_id = %s",
        (subject.value, subject_id),
    )
    return {row["revision"]: msgspec.convert(row, Content) for row in rows}


async def keep_only(work: Work, subject: Subject, subject_id: str, revisions: Collection[int] = ()) -> None:
    """Forget what all other revisions say."""
    await work.execute(
        "DELETE FROM judged_text WHERE subject = %s AND subject_id = %s AND revision <> ALL(%s)",
        (subject.value, subject_id, list(revisions)),
    )
