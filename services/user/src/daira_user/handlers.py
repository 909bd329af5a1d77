"""What user hears. Each runs inside the transaction that also holds its inbox row."""

from uuid import UUID

from daira_bus import on
from daira_contracts.auth import UserErasedV1, UserRegisteredV1
from daira_contracts.media import AssetChangedV1
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_stores.work import Work
from daira_user.service import UserService

NO_REASON = "refused"
ABOUT_HANDLE = "handle:"


async def register_person(event: UserRegisteredV1, work: Work, user: UserService) -> None:
    """Everybody who logs in has a profile from the start."""
    await user.people.register(work, event.user_id, event.locale, event.registered_at)


async def erase_person(event: UserErasedV1, work: Work, user: UserService) -> None:
    """The profile goes at once; a job removes the relations."""
    await user.people.erase(work, event.user_id, event.erased_at)


async def remember_picture(event: AssetChangedV1, work: Work, user: UserService) -> None:
    """Whose pictures there are, and where they are shown from."""
    await user.pictures.remember(work, event)


async def forget_picture(key: str, work: Work, user: UserService) -> None:
    """The upload was removed: a profile that shows it shows none."""
    await user.pictures.forget(work, UUID(key))


async def heed_verdict(event: VerdictReachedV1, work: Work, user: UserService) -> None:
    """A refused name, biography or handle is taken back."""
    if event.subject_type is not SubjectType.PROFILE or event.decision not in (Decision.APPROVED, Decision.REJECTED):
        return
    text_codes = [reason.code for reason in event.reasons if not reason.rule.startswith(ABOUT_HANDLE)]
    handle_refused = len(text_codes) < len(event.reasons)
    if event.decision is Decision.REJECTED and not event.reasons:
        text_codes = [NO_REASON]
    code = text_codes[0] if text_codes and event.decision is Decision.REJECTED else None
    await user.people.heed_verdict(
        work, UUID(event.subject_id), event.subject_revision, text_code=code, handle_refused=handle_refused
    )


SUBSCRIPTIONS = (
    on(UserRegisteredV1, register_person),
    on(UserErasedV1, erase_person),
    on(AssetChangedV1, remember_picture, tombstone=forget_picture),
    on(VerdictReachedV1, heed_verdict),
)
