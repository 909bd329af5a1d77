"""What is accepted as a video, and the codes a refusal carries."""

from enum import StrEnum
from fractions import Fraction

import msgspec

MIN_EDGE = 16  # below this x264 and players disagree about what a picture is


class FailureCode(StrEnum):
    """Why a video ended FAILED. Stable: clients translate them."""

    EMPTY = "empty_file"
    NOT_MEDIA = "not_media"
    TRUNCATED = "truncated"
    UNSUPPORTED_CONTAINER = "unsupported_container"
    UNSUPPORTED_CODEC = "unsupported_codec"
    NO_VIDEO = "no_video"
    NO_FRAMES = "no_frames"
    TOO_SMALL = "too_small"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_STREAMS = "too_many_streams"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_LONG = "too_long"
    TOO_FAST = "frame_rate_too_high"
    TOO_DEMANDING = "too_demanding"
    DECODE_FAILED = "decode_failed"
    TIMED_OUT = "timed_out"
    CRASHED = "decoder_crashed"
    ORIGINAL_MISSING = "original_missing"


class MediaRejected(Exception):
    """The file itself is the reason; trying again gives the same answer."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code.value}: {detail}")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Ceilings on a source and on the process that reads it."""

    max_bytes: int = 2 * 1024**3
    """Bytes of the original."""
    max_edge: int = 4096
    """Pixels of the longer edge, as coded and as shown."""
    max_fps: int = 60
    """Frames per second, averaged over the file."""
    max_seconds: int = 600
    """Duration."""
    max_streams: int = 8
    """Streams of any kind in the container."""
    max_pixel_frames: int = 1920 * 1080 * 61 * 600
    """Decoded pixels altogether (pixels of a frame times frames)."""
    poster_pixels: int = 1920 * 1080 * 250
    """Pixels decoded between a key frame and a moment that might become the poster; then the last frame will do."""
    memory_bytes: int = 1536 * 1024**2
    """Address space of the decoding process."""
    output_bytes: int = 1024**3
    """Largest single file the decoding process may write."""
    cpu_per_second: float = 20.0
    """CPU seconds allowed per second of video, on top of `cpu_base`."""
    cpu_base: int = 60
    """CPU seconds allowed to any job."""
    open_files: int = 32
    """File descriptors of the decoding process."""
    threads: int = 256
    """Threads of the decoding process: decoders and filters take one per core, encoders one per rung."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe learned. Width and height are as displayed: rotated, with square pixels."""

    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    rotation: int
    """Degrees counter-clockwise (0, 90, 180, 270) the decoded picture must be turned."""
    rate: Fraction
    """The constant output rate, frames a second, already a standard one."""
    start: Fraction
    """Time stamp, in seconds, at which the file begins."""
    seconds: Fraction
    """From `start` to the end of the picture."""
    frames: int
    """Coded frames found."""

    @property
    def short_edge(self) -> int:
        """The smaller displayed edge in pixels."""
        return min(self.width, self.height)

    @property
    def has_audio(self) -> bool:
        """True when there is a sound track worth encoding."""
        return self.audio_codec is not None


def check_size(limits: Limits, width: int, height: int) -> None:
    """Raises MediaRejected for pictures outside the accepted sizes (pixels, coded or shown)."""
    if max(width, height) > limits.max_edge:
        raise MediaRejected(FailureCode.TOO_MANY_PIXELS, f"{width}x{height} exceeds {limits.max_edge}")
    if min(width, height) < MIN_EDGE:
        raise MediaRejected(FailureCode.TOO_SMALL, f"{width}x{height} is below {MIN_EDGE} pixels")


def check_length(limits: Limits, *, pixels: int, frames: int, seconds: Fraction) -> None:
    """Raises MediaRejected when duration, frame rate or the decoding work is beyond the limits."""
    if seconds > limits.max_seconds:
        raise MediaRejected(FailureCode.TOO_LONG, f"{float(seconds):.1f} s exceeds {limits.max_seconds} s")
    # Two frames of grace: a clip of a few frames has no meaningful rate.
    if frames - 2 > (limits.max_fps + 1) * seconds:
        raise MediaRejected(FailureCode.TOO_FAST, f"{frames} frames in {float(seconds):.2f} s")
    if pixels * frames > limits.max_pixel_frames:
        raise MediaRejected(FailureCode.TOO_DEMANDING, f"{pixels} pixels in {frames} frames")
