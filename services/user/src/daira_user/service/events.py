"""What user tells: its own words put into the contract's."""

from uuid import UUID

from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_kit.clock import now
from daira_stores.work import Work
from daira_user.domain.profiles import Profile
from daira_user.domain.relations import Follow, Relation


async def tell_profile(work: Work, profile: Profile) -> None:
    """The whole profile as it is now: to show what passed moderation, to be judged what did not yet."""
    name, bio = profile.shown
    await work.emit(
        ProfileChangedV1(
            occurred_at=profile.updated_at,
            revision=profile.revision,
            user_id=profile.user_id,
            state=ProfileState.ACTIVE,
            handle=profile.handle,
            display_name=name,
            bio=bio,
            avatar_media_id=profile.avatar_media_id,
            avatar_url=profile.avatar_url,
            locale=profile.locale,
            is_private=profile.is_private,
            created_at=profile.created_at,
            proposed_display_name=profile.display_name if profile.display_name != name else None,
            proposed_bio=profile.bio if profile.bio != bio else None,
            text_revision=profile.text_revision,
        )
    )


async def tell_profile_removed(work: Work, profile: Profile) -> None:
    """Nothing of the person but that they are gone; then the key itself is removed."""
    await work.retract(ProfileChangedV1, ProfileChangedV1.key_of(profile.user_id))
    await work.emit(
        ProfileChangedV1(
            revision=profile.revision + 1,
            user_id=profile.user_id,
            state=ProfileState.REMOVED,
            handle="",
            display_name="",
            is_private=True,
            created_at=profile.created_at,
        )
    )
    await work.emit_tombstone(ProfileChangedV1, ProfileChangedV1.key_of(profile.user_id))


async def tell_relation(work: Work, relation: Relation, revision: int) -> None:
    """The whole direction; an empty one is told and then its key removed, so that compaction forgets it."""
    await work.emit(
        RelationChangedV1(
            occurred_at=now(),
            revision=revision,
            actor_id=relation.actor_id,
            target_id=relation.target_id,
            follow=FollowState(relation.follow.value),
            followed_at=relation.since if relation.follow is Follow.FOLLOWING else None,
            blocks=relation.blocks,
            mutes=relation.mutes,
        )
    )
    if relation.is_empty:
        await work.emit_tombstone(RelationChangedV1, _pair_key(relation.actor_id, relation.target_id))


def _pair_key(actor: UUID, target: UUID) -> str:
    return RelationChangedV1.key_of(actor, target)
