"""A video as this service remembers it."""

from collections.abc import Mapping
from fractions import Fraction
from uuid import UUID

import msgspec

from daira_video.domain.ladder import Rung, ladder
from daira_video.domain.lifecycle import LIFECYCLE, VideoState
from daira_video.domain.limits import Source
from daira_video.domain.playlists import Variant


class Poster(msgspec.Struct, frozen=True, kw_only=True):
    """The still picture of a video, in pixels."""

    width: int
    height: int
    blurhash: str


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """A rung whose files are all stored."""

    name: str
    width: int
    height: int
    rate: Fraction
    codecs: str
    peak_bps: int
    average_bps: int
    segments: int
    size_bytes: int
    has_mp4: bool

    def variant(self) -> Variant:
        """Its line in the multivariant playlist."""
        return Variant(
            name=self.name,
            width=self.width,
            height=self.height,
            rate=self.rate,
            codecs=self.codecs,
            peak_bps=self.peak_bps,
            average_bps=self.average_bps,
        )


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """One upload on its way to playback. `revision` counts what was told about it."""

    id: UUID
    owner_id: UUID
    storage_key: str
    size_bytes: int
    state: VideoState
    revision: int = 0
    playback_id: str | None = None
    failure_code: str | None = None
    source: Source | None = None
    poster: Poster | None = None

    @property
    def is_playable(self) -> bool:
        """True when something of it may be watched."""
        return self.state in (VideoState.PLAYABLE, VideoState.READY)

    @property
    def is_over(self) -> bool:
        """True when no transcode is due any more."""
        return self.state in (VideoState.READY, VideoState.FAILED, VideoState.REMOVED)

    def moved(self, state: VideoState, **changes: object) -> "Video":
        """The next revision, in another state. Raises IllegalTransition."""
        LIFECYCLE.check(self.state, state)
        return msgspec.structs.replace(self, state=state, revision=self.revision + 1, **changes)

    def changed(self, **changes: object) -> "Video":
        """The next revision, in the same state."""
        return msgspec.structs.replace(self, revision=self.revision + 1, **changes)

    def noted(self, **changes: object) -> "Video":
        """The same revision, with something that is not told yet."""
        return msgspec.structs.replace(self, **changes)


def missing(source: Source, done: tuple[Rendition, ...], *, first: bool) -> tuple[Rung, ...]:
    """The rungs of a pass that are not stored yet."""
    names = {rendition.name for rendition in done}
    return tuple(rung for rung in ladder(source) if rung.first_pass is first and rung.name not in names)


def percent(source: Source, parts: Mapping[str, float]) -> int:
    """How far the whole ladder is, 0 to 99, counted in pixels; `parts` (0 to 1) are encoded, by rung."""
    weights = {rung.name: float(rung.width * rung.height * rung.rate) for rung in ladder(source)}
    ready = sum(weight * parts.get(name, 0.0) for name, weight in weights.items())
    return min(99, int(100 * ready / sum(weights.values())))
