"""The life of a post. A verdict counts only for its revision; after an edit the last approved one stays visible."""

from collections.abc import Sequence

import msgspec

from daira_contracts.feed import PostState
from daira_contracts.moderation import Decision
from daira_feed.domain.media import Readiness
from daira_kit.states import StateGraph

REJECTED_BY_MODERATION = "moderation_rejected"
UNDER_REVIEW = "under_review"
"""What was shown before waits for a person to decide."""

POST_STATES = StateGraph(
    {
        PostState.PROCESSING: {PostState.PUBLISHED, PostState.REJECTED, PostState.REMOVED},
        # A later verdict on the visible revision (a report, an appeal) turns one into the other.
        PostState.PUBLISHED: {PostState.REJECTED, PostState.REMOVED},
        PostState.REJECTED: {PostState.PUBLISHED, PostState.REMOVED},
        PostState.REMOVED: set(),
    }
)


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a post's content and what was decided about it."""

    revision: int
    decision: Decision | None
    reason: str | None
    media: Readiness
    media_code: str | None = None

    @property
    def is_showable(self) -> bool:
        """True when this revision may be seen by others."""
        return self.decision is Decision.APPROVED and self.media is Readiness.READY

    @property
    def reject_code(self) -> str | None:
        """Why this revision will never be seen as things stand; None while it still may."""
        if self.decision is Decision.REJECTED:
            return self.reason or REJECTED_BY_MODERATION
        return self.media_code if self.media is Readiness.FAILED else None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Where a post stands. `approved_revision` 0: nothing was ever showable."""

    state: PostState
    approved_revision: int
    reject_code: str | None


def judge(state: PostState, contents: Sequence[Content]) -> Outcome:
    """Where a post stands, given all its revisions with the newest last; REMOVED stays REMOVED."""
    showable = [content.revision for content in contents if content.is_showable]
    approved = max(showable, default=0)
    code = contents[-1].reject_code
    if state is PostState.REMOVED:
        return Outcome(state=state, approved_revision=approved, reject_code=None)
    if approved:
        return Outcome(state=PostState.PUBLISHED, approved_revision=approved, reject_code=code)
    if code:
        return Outcome(state=PostState.REJECTED, approved_revision=0, reject_code=code)
    # A revision once approved and then refused must not look as if it were still being processed.
    if state is PostState.PROCESSING:
        return Outcome(state=state, approved_revision=0, reject_code=None)
    earlier = [content.reject_code for content in contents if content.reject_code]
    return Outcome(state=PostState.REJECTED, approved_revision=0, reject_code=next(iter(earlier), UNDER_REVIEW))
