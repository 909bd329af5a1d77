"""What moderation hears. Each runs inside the transaction that also holds its inbox row."""

from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_moderation.domain.verdicts import Subject
from daira_moderation.service import ModerationService
from daira_moderation.service.verdicts import Seen
from daira_stores.work import Work


async def judge_post(event: PostChangedV1, work: Work, moderation: ModerationService) -> None:
    """Each edit of a post is judged once, whatever else changes about the post."""
    await moderation.verdicts.judge(
        work,
        Seen(
            subject=Subject.POST,
            subject_id=str(event.post_id),
            author_id=event.author_id,
            revision=event.revision,
            content_revision=event.content_revision,
            texts=(event.text, *event.hashtags),
            gone=event.state is PostState.REMOVED,
        ),
    )


async def forget_post(key: str, work: Work, moderation: ModerationService) -> None:
    """The post is gone for good."""
    await moderation.verdicts.forget(work, Subject.POST, key)


async def judge_profile(event: ProfileChangedV1, work: Work, moderation: ModerationService) -> None:
    """Each edit of name, biography or handle is judged once; what is proposed, where others see an older text."""
    name, bio = event.proposed_display_name, event.proposed_bio
    await moderation.verdicts.judge(
        work,
        Seen(
            subject=Subject.PROFILE,
            subject_id=str(event.user_id),
            author_id=event.user_id,
            revision=event.revision,
            content_revision=event.text_revision or event.revision,
            texts=(event.display_name if name is None else name, event.bio if bio is None else bio),
            handle=event.handle,
            gone=event.state is ProfileState.REMOVED,
        ),
    )


async def forget_profile(key: str, work: Work, moderation: ModerationService) -> None:
    """The person left."""
    await moderation.verdicts.forget(work, Subject.PROFILE, key)


async def forget_person(event: UserErasedV1, work: Work, moderation: ModerationService) -> None:
    """Nothing about this person stays but that they are erased."""
    await moderation.verdicts.forget_person(work, event.user_id, event.erased_at)


SUBSCRIPTIONS = (
    on(PostChangedV1, judge_post, tombstone=forget_post),
    on(ProfileChangedV1, judge_profile, tombstone=forget_profile),
    on(UserErasedV1, forget_person),
)
