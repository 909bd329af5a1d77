"""After a word list changed: what was decided under the old one is decided again, a batch at a time."""

from datetime import timedelta

import msgspec
from msgspec.structs import replace

from daira_kit.clock import now
from daira_moderation.domain.verdicts import Content, Decision, Opinion, Subject, Verdict
from daira_moderation.repository import texts, wordlists
from daira_moderation.repository import verdicts as rows
from daira_moderation.service.events import tell_verdict
from daira_moderation.service.policy import Policy
from daira_moderation.service.verdicts import conclude
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.work import Work

logger = get_logger(__name__)
REJUDGE = "rejudge"
PAUSE = timedelta(seconds=1)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The last subject that was looked at."""

    subject: Subject
    subject_id: str


class Rejudging:
    """What staff decided stands: its text is not kept."""

    def __init__(self, database: Database, policy: Policy, *, batch: int) -> None:
        """At most `batch` subjects a second."""
        self._database, self._policy, self._batch = database, policy, batch

    async def go_on(self, publication: str, place: Place | None) -> None:
        """Judge the batch after `place`, and ask for the next one in the same transaction.

        Verdicts reached under the newest lists are passed over, so another publication's job repeats nothing.
        """
        async with self._database.work() as work:
            for words in await wordlists.read_all(work):
                self._policy.learn(words)  # the job may be claimed before this process heard of the list
            after = (place.subject, place.subject_id) if place is not None else None
            found = await rows.reached_under_another(work, self._policy.version, after, self._batch)
            changed = [subject_id for subject, subject_id in found if await self._again(work, subject, subject_id)]
            if found:
                subject, subject_id = found[-1]
                last = Place(subject=subject, subject_id=subject_id)
                await work.enqueue(REJUDGE, publication, last, due_at=now() + PAUSE)
        logger.info("judged_again", publication=publication, subjects=len(found), changed=len(changed))

    async def _again(self, work: Work, subject: Subject, subject_id: str) -> bool:
        known = await rows.lock(work, subject, subject_id)
        if known is None or known.gone:
            return False
        kept = await texts.read(work, subject, subject_id)
        held = await self._hide_older(work, known, kept)
        after = held.after(self._opinion(known, kept), now())
        if held == known and _is_alike(known, after):
            await rows.put(work, replace(known, policy_version=self._policy.version))
            return False
        await conclude(work, after)
        return True

    async def _hide_older(self, work: Work, known: Verdict, kept: dict[int, Content]) -> Verdict:
        """An older revision that is still shown, because the newest is not, is judged too.

        What refuses it is told before the newest verdict, which stays the last word on the subject.
        """
        shown = kept.get(known.approved) if known.approved != known.judged else None
        opinion = self._policy.opinion(shown) if shown is not None else None
        if shown is None or opinion is None or opinion.decision is Decision.APPROVED:
            return known
        told = replace(known, judged=shown.revision).after(opinion, now())
        await tell_verdict(work, told)
        return replace(known, revision=told.revision, approved=0)

    def _opinion(self, known: Verdict, kept: dict[int, Content]) -> Opinion:
        newest = kept.get(known.judged)
        if newest is not None:
            return self._policy.opinion(newest)
        decision = known.decision or Decision.NEEDS_REVIEW
        return Opinion(decision=decision, reasons=known.reasons, policy_version=self._policy.version)


def _is_alike(before: Verdict, after: Verdict) -> bool:
    codes = [[reason.code for reason in verdict.reasons] for verdict in (before, after)]
    return before.decision is after.decision and codes[0] == codes[1]
