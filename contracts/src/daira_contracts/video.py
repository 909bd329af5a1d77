"""What video tells: the state of each video and the progress of its ladder."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, Nested, OpenEnum
from daira_contracts.exports import ExportPartWritten


class VideoState(OpenEnum):
    """PLAYABLE: the first pass (360p and the 192 kbit/s rung) can be watched while the rest is made."""

    PROBING = "PROBING"
    PROCESSING = "PROCESSING"
    PLAYABLE = "PLAYABLE"
    READY = "READY"
    FAILED = "FAILED"
    REMOVED = "REMOVED"
    UNKNOWN = "UNKNOWN"


class Variant(Nested, frozen=True, kw_only=True):
    """One rung of the ladder; bandwidth is the measured peak in bit/s."""

    name: str
    width: int
    height: int
    bandwidth: int
    average_bandwidth: int
    codecs: str


class VideoChangedV1(Event, frozen=True, kw_only=True):
    """The whole state of a video. `video_id` is the media id of its upload; URLs are paths below the gateway.

    `saver_url` is the stream for readers who spare data: the rungs of at most 360p.
    """

    topic: ClassVar[str] = "video.video-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("video_id",)

    video_id: UUID
    owner_id: UUID
    state: VideoState
    failure_code: str | None = None
    playback_id: str | None = None
    hls_url: str | None = None
    saver_url: str | None = None
    mp4_url: str | None = None
    poster_url: str | None = None
    blurhash: str | None = None
    duration_ms: int = 0
    width: int = 0
    height: int = 0
    variants: tuple[Variant, ...] = ()


class ProgressReportedV1(Event, frozen=True, kw_only=True):
    """How far the ladder of a video is; only the newest report matters."""

    topic: ClassVar[str] = "video.progress-reported.v1"
    key: ClassVar[tuple[str, ...]] = ("video_id",)

    video_id: UUID
    owner_id: UUID
    percent: int
    stage: str


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that video writes."""

    topic: ClassVar[str] = "video.export-part-written.v1"
