"""Random news about a few people, for suites that fold topics: see `daira_testing.projection.Kind`."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_contracts.video import VideoChangedV1, VideoState
from daira_kit.clock import now
from daira_testing.projection import Kind, Step, tell

PEOPLE = [UUID(int=number) for number in range(1, 9)]
MEDIA = [UUID(int=number) for number in range(101, 107)]
POSTS = [UUID(int=number) for number in range(201, 211)]
PAIRS = [(actor, target) for actor in PEOPLE[:4] for target in PEOPLE[2:7] if actor != target]
"""Actor and target."""
ERASED = PEOPLE[3]
BEGINNING = now()


def owner_of(thing_id: UUID) -> UUID:
    """Of a post or an upload, for ever the same."""
    return PEOPLE[thing_id.int % len(PEOPLE)]


def post(random: Random, post_id: UUID, revision: int) -> PostChangedV1:
    """With up to two uploads of anybody."""
    return PostChangedV1(
        post_id=post_id,
        author_id=owner_of(post_id),
        revision=revision,
        state=random.choice([PostState.PUBLISHED, PostState.PUBLISHED, PostState.PROCESSING, PostState.REMOVED]),
        content_revision=revision,
        text="مساء الخير",
        media_ids=tuple(random.sample(MEDIA, random.randrange(3))),
        visibility=random.choice([Visibility.PUBLIC, Visibility.FOLLOWERS]),
        created_at=BEGINNING,
    )


def profile(random: Random, user_id: UUID, revision: int) -> ProfileChangedV1:
    """Now private, now public, now gone."""
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        state=random.choice([ProfileState.ACTIVE, ProfileState.ACTIVE, ProfileState.REMOVED]),
        handle=f"h{user_id.int}",
        display_name=f"سلمى {revision}",
        is_private=random.random() < 0.4,
        created_at=BEGINNING,
    )


def relation(random: Random, pair: tuple[UUID, UUID], revision: int) -> RelationChangedV1:
    """Somebody follows somebody, or does not any more."""
    actor, target = pair
    follow = random.choice([FollowState.FOLLOWING, FollowState.FOLLOWING, FollowState.NONE])
    return RelationChangedV1(actor_id=actor, target_id=target, revision=revision, follow=follow)


def video(random: Random, video_id: UUID, revision: int) -> VideoChangedV1:
    """Playable or not."""
    return VideoChangedV1(
        video_id=video_id,
        owner_id=owner_of(video_id),
        revision=revision,
        state=random.choice([VideoState.PLAYABLE, VideoState.READY, VideoState.FAILED]),
        hls_url=f"/v/{revision}.m3u8",
        duration_ms=random.randrange(60_000),
    )


def with_an_erasure(kinds: Sequence[Kind], *, seed: int) -> list[Step]:
    """A story in the middle of which ERASED is erased."""
    story = tell(kinds, seed=seed)
    story.insert(len(story) // 2, UserErasedV1(user_id=ERASED, erased_at=BEGINNING))
    return story
