"""HLS playlists as text, with bandwidths computed from the segments that exist."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil

import msgspec

from daira_video.domain.ladder import SEGMENT_SECONDS

SAVER_EDGE = 360
"""Longest short edge, in pixels, of what a reader with data saver gets."""


class Segment(msgspec.Struct, frozen=True):
    """One media segment as written: file name, duration in seconds, size in bytes."""

    name: str
    seconds: float
    size: int


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One rung as a line pair of the multivariant playlist; bandwidths in bits per second."""

    name: str
    width: int
    height: int
    rate: Fraction
    codecs: str
    peak_bps: int
    average_bps: int


def peak_bps(segments: Sequence[Segment]) -> int:
    """Largest rate over contiguous segments lasting 0.5 to 1.5 target durations (RFC 8216, 4.3.4.2)."""
    best = 0.0
    for start in range(len(segments)):
        seconds, size = 0.0, 0
        for segment in segments[start:]:
            seconds, size = seconds + segment.seconds, size + segment.size
            if seconds > 1.5 * SEGMENT_SECONDS:
                break
            if seconds >= 0.5 * SEGMENT_SECONDS:
                best = max(best, size * 8 / seconds)
    return ceil(best) or average_bps(segments)


def can_be_measured(segments: Sequence[Segment]) -> bool:
    """Whether there is a window to measure a peak in: a shorter clip is hardly more than its first picture."""
    return sum(s.seconds for s in segments) >= 0.5 * SEGMENT_SECONDS


def average_bps(segments: Sequence[Segment]) -> int:
    """All bits over all seconds."""
    return ceil(sum(s.size for s in segments) * 8 / sum(s.seconds for s in segments))


def media_playlist(segments: Iterable[Segment]) -> str:
    """The playlist of one rung. The target duration is the same for every rung of every video."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    for segment in segments:
        lines += [f"#EXTINF:{segment.seconds:.6f},", segment.name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(variants: Sequence[Variant]) -> str:
    """The multivariant playlist. 360p comes first: players begin with the first variant they are given."""
    return _multivariant(sorted(variants, key=lambda v: (v.name != "360p", v.average_bps)))


def saver_playlist(variants: Sequence[Variant]) -> str:
    """The multivariant playlist for readers who spare data: rungs of at most SAVER_EDGE, the smallest first."""
    by_rate = sorted(variants, key=lambda v: v.average_bps)
    small = [v for v in by_rate if min(v.width, v.height) <= SAVER_EDGE]
    return _multivariant(small or by_rate[:1])


def _multivariant(variants: Sequence[Variant]) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in variants:
        lines += [_stream_inf(variant), f"{variant.name}/playlist.m3u8"]
    return "\n".join([*lines, ""])


def _stream_inf(variant: Variant) -> str:
    return (
        f"#EXT-X-STREAM-INF:BANDWIDTH={variant.peak_bps},AVERAGE-BANDWIDTH={variant.average_bps},"
        f"RESOLUTION={variant.width}x{variant.height},FRAME-RATE={float(variant.rate):.3f},"
        f'CODECS="{variant.codecs}"'
    )
