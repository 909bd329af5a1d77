"""Whatever happened to a post (a verdict, its media, time), where it stands now is decided in one place."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from daira_contracts.feed import PostState
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_feed.domain.lifecycle import POST_STATES, judge
from daira_feed.domain.media import MediaFacts, Readiness, check_all
from daira_feed.domain.timeline import whole_ms
from daira_feed.repository import media, posts
from daira_feed.repository.posts import Post
from daira_feed.service.telling import SPREAD, tell
from daira_kit.clock import now
from daira_stores.work import Work

MEDIA_DEADLINE = "media-deadline"


class Judging:
    """`media_wait_seconds`: how long media nobody has heard of is waited for."""

    def __init__(self, media_wait_seconds: int) -> None:
        self._media_wait = media_wait_seconds

    async def apply_verdict(self, work: Work, event: VerdictReachedV1) -> None:
        """Counts only for its revision, and only the newest verdict on it."""
        if event.subject_type is not SubjectType.POST or event.decision is Decision.UNKNOWN:
            return
        post = await posts.lock(work, UUID(event.subject_id))
        if post is None:
            return
        reason = event.reasons[0].code if event.reasons else None
        if await posts.put_decision(work, post.id, event.subject_revision, event.decision, reason, event.revision):
            await self.settle(work, post)

    async def recheck_media(self, work: Work, media_id: UUID) -> None:
        """Something about this medium changed: every post that shows it is judged again, and its card made anew."""
        for post_id in await posts.find_using_media(work, media_id):
            post = await posts.lock(work, post_id)
            if post is not None and not await self.settle(work, post):
                await work.enqueue(SPREAD, str(post.id))

    async def settle(self, work: Work, post: Post) -> bool:
        """Judge a locked post; true when it changed (then it is written and told)."""
        if post.state is PostState.REMOVED:
            return False
        await self._check_media(work, post)
        outcome = judge(post.state, await posts.read_contents(work, post.id))
        if (outcome.state, outcome.approved_revision, outcome.reject_code) == (
            post.state,
            post.approved_revision,
            post.reject_code,
        ):
            return False
        if outcome.state is not post.state:
            POST_STATES.check(post.state, outcome.state)
        is_shown = outcome.state is PostState.PUBLISHED
        post = msgspec.structs.replace(
            post,
            state=outcome.state,
            approved_revision=outcome.approved_revision,
            reject_code=outcome.reject_code,
            revision=post.revision + 1,
            published_at=post.published_at or (whole_ms(now()) if is_shown else None),
        )
        await posts.put(work, post)
        await posts.remove_old_contents(work, post)
        await tell(work, post)
        return True

    async def _check_media(self, work: Work, post: Post) -> None:
        for content in await posts.read_contents(work, post.id):
            if content.media is not Readiness.WAITING:
                continue  # what was ready stays shown without a medium that went away; what failed stays failed
            words = await posts.read_words(work, post.id, content.revision)
            media_ids = words.media_ids if words is not None else []
            age = (now() - (post.edited_at or post.created_at)).total_seconds()
            readiness, code = check_all(
                post.author_id, media_ids, await _facts(work, media_ids), is_late=age >= self._media_wait
            )
            if readiness is not Readiness.WAITING:
                await posts.put_media(work, post.id, content.revision, readiness, code)


async def _facts(work: Work, media_ids: Sequence[UUID]) -> dict[UUID, MediaFacts]:
    known = await media.find_many(work, media_ids) if media_ids else {}
    return {
        media_id: MediaFacts(
            asset_owner=one.asset_owner,
            asset_kind=one.asset_kind,
            asset_state=one.asset_state,
            video_owner=one.video_owner,
            video_state=one.video_state,
        )
        for media_id, one in known.items()
    }
