"""Where a post stands, decided from its revisions."""

import pytest

from daira_contracts.feed import PostState
from daira_contracts.moderation import Decision
from daira_feed.domain.celebrity import Mode, next_mode, settled
from daira_feed.domain.lifecycle import POST_STATES, Content, judge
from daira_feed.domain.media import Readiness

A, R, N = Decision.APPROVED, Decision.REJECTED, Decision.NEEDS_REVIEW
READY, WAITING, FAILED = Readiness.READY, Readiness.WAITING, Readiness.FAILED


def contents(*rows: tuple[Decision | None, Readiness]) -> list[Content]:
    return [
        Content(
            revision=number,
            decision=decision,
            reason=None,
            media=media,
            media_code="media_not_found" if media is FAILED else None,
        )
        for number, (decision, media) in enumerate(rows, 1)
    ]


@pytest.mark.parametrize(
    ("state", "rows", "stands"),
    [
        ("PROCESSING", [(None, READY)], ("PROCESSING", 0, None)),
        ("PROCESSING", [(A, WAITING)], ("PROCESSING", 0, None)),
        ("PROCESSING", [(N, READY)], ("PROCESSING", 0, None)),
        ("PROCESSING", [(A, READY)], ("PUBLISHED", 1, None)),
        ("PROCESSING", [(R, WAITING)], ("REJECTED", 0, "moderation_rejected")),
        ("PROCESSING", [(A, FAILED)], ("REJECTED", 0, "media_not_found")),
        ("PROCESSING", [(R, READY), (None, READY)], ("PROCESSING", 0, None)),
        ("PUBLISHED", [(A, READY), (None, READY)], ("PUBLISHED", 1, None)),
        ("PUBLISHED", [(A, READY), (R, READY)], ("PUBLISHED", 1, "moderation_rejected")),
        ("PUBLISHED", [(A, READY), (A, READY)], ("PUBLISHED", 2, None)),
        ("PUBLISHED", [(R, READY)], ("REJECTED", 0, "moderation_rejected")),
        ("PUBLISHED", [(R, READY), (None, WAITING)], ("REJECTED", 0, "moderation_rejected")),
        ("REJECTED", [(A, READY)], ("PUBLISHED", 1, None)),
        ("REMOVED", [(A, READY)], ("REMOVED", 1, None)),
    ],
)
def test_a_post_stands_where_its_revisions_put_it(
    state: str, rows: list[tuple[Decision | None, Readiness]], stands: tuple[str, int, str | None]
) -> None:
    outcome = judge(PostState(state), contents(*rows))

    assert (outcome.state.value, outcome.approved_revision, outcome.reject_code) == stands
    assert outcome.state.value == state or POST_STATES.allows(PostState(state), outcome.state)


def test_nothing_follows_removed() -> None:
    assert POST_STATES.is_final(PostState.REMOVED)


@pytest.mark.parametrize(
    ("mode", "followers", "then"),
    [
        (Mode.PUSHED, 99, Mode.PUSHED),
        (Mode.PUSHED, 100, Mode.RISING),
        (Mode.RISING, 10, Mode.RISING),
        (Mode.PULLED, 80, Mode.PULLED),
        (Mode.PULLED, 79, Mode.FALLING),
        (Mode.FALLING, 500, Mode.FALLING),
    ],
)
def test_an_author_changes_with_hysteresis(mode: Mode, followers: int, then: Mode) -> None:
    assert next_mode(mode, followers, 100) is then


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_reaches_followers_one_way_at_least(mode: Mode) -> None:
    assert mode.pushes or mode.is_pulled
    assert settled(mode) in (Mode.PUSHED, Mode.PULLED)
