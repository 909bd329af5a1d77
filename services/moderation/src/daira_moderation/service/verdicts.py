"""Every revision of what people publish gets one verdict."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from daira_kit.clock import now
from daira_kit.ids import derived_id
from daira_moderation.domain.verdicts import Content, Decision, Subject, Verdict
from daira_moderation.repository import cases, people, texts
from daira_moderation.repository import verdicts as rows
from daira_moderation.service.events import tell_verdict, withdraw_verdict
from daira_moderation.service.policy import Policy
from daira_stores.postgres import Database
from daira_stores.work import Work

FORGET = "forget-subjects"
BATCH = 200


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A subject as its owner told it. `revision` counts all its changes, `content_revision` those to be judged."""

    subject: Subject
    subject_id: str
    author_id: UUID
    revision: int
    content_revision: int
    texts: Sequence[str]
    handle: str = ""
    gone: bool


class Verdicts:
    """Late and repeated events change nothing; the text is kept while another word list may ask for it."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database, self._policy = database, policy

    async def judge(self, work: Work, seen: Seen) -> None:
        """Decide about a revision not judged before, and tell; withdraw the verdict on what is gone."""
        await people.lock_shared(work, seen.author_id)
        if await people.is_erased(work, seen.author_id):
            return
        known = await rows.lock(work, seen.subject, seen.subject_id)
        if known is not None and known.seen >= seen.revision:
            return
        if seen.gone:
            await self._close(work, seen, known)
        elif known is None or known.judged < seen.content_revision:
            await self._decide(work, seen, known)
        else:
            await rows.put(work, replace(known, seen=seen.revision))

    async def forget(self, work: Work, subject: Subject, subject_id: str) -> None:
        """The subject's own key was removed."""
        known = await rows.lock(work, subject, subject_id)
        if known is not None:
            await _remove(work, known)

    async def forget_person(self, work: Work, user_id: UUID, erased_at: datetime) -> None:
        """Nothing of this person is judged from now on; a job withdraws what was."""
        await people.lock(work, user_id)
        if await people.put_erased(work, user_id, erased_at):
            await cases.forget(work, user_id)
            await work.enqueue(FORGET, str(user_id))

    async def forget_subjects(self, user_id: UUID) -> None:
        """Withdraw every verdict about an erased person, some at a time; can be repeated."""
        while True:
            async with self._database.work() as work:
                found = await rows.of_author(work, user_id, BATCH)
                for subject, subject_id in found:
                    await self.forget(work, subject, subject_id)
            if not found:
                return

    async def _decide(self, work: Work, seen: Seen, known: Verdict | None) -> None:
        content = Content(revision=seen.content_revision, texts=tuple(seen.texts), handle=seen.handle)
        verdict = Verdict(
            subject=seen.subject,
            subject_id=seen.subject_id,
            author_id=seen.author_id,
            seen=seen.revision,
            judged=content.revision,
            revision=known.revision if known else 0,
            decision=None,
            decided_at=now(),
            approved=known.approved if known else 0,
        ).after(self._policy.opinion(content), now())
        await conclude(work, verdict)
        await texts.put(work, verdict.subject, verdict.subject_id, content)
        await texts.keep_only(work, verdict.subject, verdict.subject_id, {verdict.judged, verdict.approved})

    async def _close(self, work: Work, seen: Seen, known: Verdict | None) -> None:
        """A mark stays, so that an older event that comes late is not judged."""
        verdict = Verdict(
            subject=seen.subject,
            subject_id=seen.subject_id,
            author_id=seen.author_id,
            seen=seen.revision,
            judged=seen.content_revision,
            revision=known.revision if known else 0,
            decision=None,
            decided_at=now(),
            gone=True,
        )
        await rows.put(work, verdict)
        await texts.keep_only(work, verdict.subject, verdict.subject_id)
        await cases.drop_open(work, verdict)
        if known is not None and not known.gone:
            await withdraw_verdict(work, verdict)


async def conclude(work: Work, verdict: Verdict) -> None:
    """Write and tell a new verdict; what it leaves open becomes a case."""
    await rows.put(work, verdict)
    await cases.drop_open(work, verdict)
    if verdict.decision is Decision.NEEDS_REVIEW:
        case_id = derived_id("case", verdict.subject.value, verdict.subject_id, verdict.judged)
        await cases.open_for(work, case_id, verdict)
    await tell_verdict(work, verdict)


async def _remove(work: Work, known: Verdict) -> None:
    await rows.remove(work, known.subject, known.subject_id)
    await cases.drop_open(work, known)
    if not known.gone:
        await withdraw_verdict(work, known)
