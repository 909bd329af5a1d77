"""What user hears. Each runs inside the transaction that also holds its inbox row."""

from uuid import UUID

from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1, UserRegisteredV1
from daira_contracts.media import AssetChangedV1
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_stores.work import Work
from daira_user.domain.profiles import TextState
from daira_user.service import UserService

NO_REASON = "refused"
TEXT_STATES = {
    Decision.APPROVED: TextState.APPROVED,
    Decision.REJECTED: TextState.REJECTED,
    Decision.NEEDS_REVIEW: TextState.PENDING,
}
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
    """A name or biography is shown from its approval on; a refused handle is taken back."""
    state = TEXT_STATES.get(event.decision)
    if event.subject_type is not SubjectType.PROFILE or state is None:
        return
    codes = [reason.code for reason in event.reasons if not reason.rule.startswith(ABOUT_HANDLE)]
    handle_refused = state is TextState.REJECTED and len(codes) < len(event.reasons)
    await user.people.heed_verdict(
        work,
        UUID(event.subject_id),
        event.subject_revision,
        # Only the handle was refused: the text is judged anew together with the one that replaces it.
        None if handle_refused and not codes else state,
        code=codes[0] if codes else NO_REASON,
        handle_refused=handle_refused,
    )


SUBSCRIPTIONS = (
    on(UserRegisteredV1, register_person),
    on(UserErasedV1, erase_person),
    on(AssetChangedV1, remember_picture, tombstone=forget_picture),
    on(VerdictReachedV1, heed_verdict),
)
