"""Whether the media of a post are there, belong to its author and can be shown."""

from collections.abc import Mapping, Sequence
from enum import Enum
from uuid import UUID

import msgspec

from daira_contracts.media import AssetKind, AssetState
from daira_contracts.video import VideoState

MOST_MEDIA = 10
MEDIA_NOT_FOUND = "media_not_found"
MEDIA_FAILED = "media_failed"
MEDIA_KIND = "media_kind"
_WATCHABLE = (VideoState.PLAYABLE, VideoState.READY)


class Readiness(Enum):
    """WAITING may still become either of the others."""

    WAITING = "WAITING"
    READY = "READY"
    FAILED = "FAILED"


class MediaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What feed knows about one media id; both halves may be missing, in any order of arrival."""

    asset_owner: UUID | None = None
    asset_kind: AssetKind | None = None
    asset_state: AssetState | None = None
    video_owner: UUID | None = None
    video_state: VideoState | None = None

    @property
    def owner(self) -> UUID | None:
        """Whoever uploaded it, as soon as either half arrived."""
        return self.asset_owner or self.video_owner


def check_all(
    author: UUID, media: Sequence[UUID], known: Mapping[UUID, MediaFacts], *, is_late: bool
) -> tuple[Readiness, str | None]:
    """The readiness of a post's media and why it failed. `is_late`: nothing unheard of is waited for any longer."""
    results = [_check_one(author, known.get(media_id), is_late=is_late) for media_id in media]
    failures = [code for readiness, code in results if readiness is Readiness.FAILED]
    if failures:
        return Readiness.FAILED, failures[0]
    if all(readiness is Readiness.READY for readiness, _ in results):
        return Readiness.READY, None
    return Readiness.WAITING, None


def _check_one(author: UUID, facts: MediaFacts | None, *, is_late: bool) -> tuple[Readiness, str | None]:
    if facts is None or facts.owner is None:
        return (Readiness.FAILED, MEDIA_NOT_FOUND) if is_late else (Readiness.WAITING, None)
    if facts.owner != author or AssetState.REMOVED is facts.asset_state or VideoState.REMOVED is facts.video_state:
        return Readiness.FAILED, MEDIA_NOT_FOUND
    if AssetState.FAILED is facts.asset_state or VideoState.FAILED is facts.video_state:
        return Readiness.FAILED, MEDIA_FAILED
    if facts.asset_kind in (AssetKind.VOICE, AssetKind.AVATAR):
        return Readiness.FAILED, MEDIA_KIND
    is_image = facts.asset_kind is AssetKind.IMAGE
    is_ready = facts.asset_state is AssetState.READY if is_image else facts.video_state in _WATCHABLE
    return (Readiness.READY, None) if is_ready else (Readiness.WAITING, None)
