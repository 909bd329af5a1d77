"""An HLS validator: the authoring rules a player relies on, checked over bytes, however they were fetched.

Independent of the code that makes the streams: playlists are parsed here again and segments are demuxed.
"""

import io
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from posixpath import dirname, join, normpath

import av
import msgspec

Read = Callable[[str], bytes]
"""Gives the bytes of a path relative to the folder of the master playlist; raises for a missing one."""

TARGET_SECONDS = 6
TOLERANCE_SECONDS = 0.5
LOW_PEAK_BPS = 192_000
_SAME_MOMENT = 0.02  # seconds: below half a frame at 25 frames a second
_SAME_SHAPE = 0.02
_REQUIRED = ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


class SegmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment holds; times in seconds of the stream's own clock."""

    seconds: float
    size: int
    keyframes: tuple[float, ...]
    first_is_key: bool
    video_end: float
    audio_end: float | None
    width: int
    height: int
    codec: str


class VariantFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One rung as found."""

    uri: str
    attributes: dict[str, str]
    segments: tuple[SegmentFacts, ...]

    @property
    def seconds(self) -> float:
        """Duration by the playlist."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    def shape(self) -> tuple[int, int]:
        """RESOLUTION as (width, height)."""
        width, _, height = self.attributes.get("RESOLUTION", "0x0").partition("x")
        return int(width), int(height)


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a player would find, and every rule it breaks."""

    variants: tuple[VariantFacts, ...]
    problems: tuple[str, ...]


def inspect(read: Read, master: str = "master.m3u8", *, low_rung: bool = True) -> StreamFacts:
    """Fetch everything below a master playlist and list the rules it breaks.

    `low_rung` demands a variant for cellular networks (peak of at most 192 kbit/s).
    """
    problems: list[str] = []
    text = read(master).decode()
    variants = [_variant(read, uri, attributes, problems) for uri, attributes in _streams(text, problems)]
    for variant in variants:
        problems += [f"{variant.uri}: {problem}" for problem in _variant_problems(variant)]
    problems += _ladder_problems(variants, low_rung=low_rung)
    return StreamFacts(variants=tuple(variants), problems=tuple(problems))


def check(read: Read, master: str = "master.m3u8", *, low_rung: bool = True) -> StreamFacts:
    """`inspect`, raising AssertionError with all broken rules."""
    facts = inspect(read, master, low_rung=low_rung)
    if facts.problems:
        raise AssertionError("\n".join(facts.problems))
    return facts


def peak_bps(segments: Sequence[SegmentFacts]) -> float:
    """Largest rate over contiguous segments of 0.5 to 1.5 target durations; of everything when that is shorter."""
    rates = []
    for start in range(len(segments)):
        for end in range(start + 1, len(segments) + 1):
            window = segments[start:end]
            seconds = sum(s.seconds for s in window)
            whole = len(window) == len(segments) and seconds < 0.5 * TARGET_SECONDS
            if whole or 0.5 * TARGET_SECONDS <= seconds <= 1.5 * TARGET_SECONDS:
                rates.append(sum(s.size for s in window) * 8 / seconds)
            if seconds > 1.5 * TARGET_SECONDS:
                break
    return max(rates, default=0.0)


def _streams(text: str, problems: list[str]) -> list[tuple[str, dict[str, str]]]:
    lines = [line for line in text.splitlines() if line]
    if lines[:1] != ["#EXTM3U"]:
        problems.append("master: does not begin with #EXTM3U")
    if "#EXT-X-INDEPENDENT-SEGMENTS" not in lines:
        problems.append("master: no #EXT-X-INDEPENDENT-SEGMENTS")
    found = []
    for info, uri in pairwise(lines):
        if info.startswith("#EXT-X-STREAM-INF:"):
            attributes = {name: value.strip('"') for name, value in _ATTRIBUTE.findall(info.partition(":")[2])}
            problems += [f"master: {uri} has no {name}" for name in _REQUIRED if name not in attributes]
            found.append((uri, attributes))
    if not found:
        problems.append("master: no variants")
    return found


def _variant(read: Read, uri: str, attributes: dict[str, str], problems: list[str]) -> VariantFacts:
    lines = read(uri).decode().splitlines()
    for tag in ("#EXTM3U", f"#EXT-X-TARGETDURATION:{TARGET_SECONDS}", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-ENDLIST"):
        if tag not in lines:
            problems.append(f"{uri}: no {tag}")
    segments = []
    for info, name in pairwise(lines):
        if info.startswith("#EXTINF:"):
            path = normpath(join(dirname(uri), name))
            try:
                segments.append(_segment(read(path), float(info[8:].split(",")[0])))
            except (av.error.FFmpegError, StopIteration, IndexError) as error:
                problems.append(f"{path}: cannot be read: {error}")
    if not segments:
        problems.append(f"{uri}: no segments")
    return VariantFacts(uri=uri, attributes=attributes, segments=tuple(segments))


def _segment(body: bytes, seconds: float) -> SegmentFacts:
    keys: list[float] = []
    first: bool | None = None
    ends: dict[str, float] = {}
    with av.open(io.BytesIO(body), "r") as container:
        video = container.streams.video[0]
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            moment = float(packet.pts * packet.time_base)
            kind = packet.stream.type
            ends[kind] = max(ends.get(kind, 0.0), moment + float((packet.duration or 0) * packet.time_base))
            if kind == "video":
                first = bool(packet.is_keyframe) if first is None else first
                if packet.is_keyframe:
                    keys.append(moment)
        context = video.codec_context
        return SegmentFacts(
            seconds=seconds,
            size=len(body),
            keyframes=tuple(keys),
            first_is_key=bool(first),
            video_end=ends["video"],
            audio_end=ends.get("audio"),
            width=context.width,
            height=context.height,
            codec=_codecs(body, has_audio=bool(container.streams.audio)),
        )


def _codecs(body: bytes, *, has_audio: bool) -> str:
    """CODECS as the bytes say: the sequence parameter set and, for sound, AAC-LC."""
    parameters = re.search(rb"\x00\x00\x01[\x27\x47\x67](...)", body, re.DOTALL)
    video = f"avc1.{parameters[1].hex().upper()}" if parameters else "unknown"
    return f"{video},mp4a.40.2" if has_audio else video


def _variant_problems(variant: VariantFacts) -> list[str]:
    problems = []
    for number, segment in enumerate(variant.segments):
        if segment.seconds > TARGET_SECONDS + TOLERANCE_SECONDS:
            problems.append(f"segment {number} lasts {segment.seconds} s")
        if not segment.first_is_key:
            problems.append(f"segment {number} does not begin with a key frame")
        if (segment.width, segment.height) != variant.shape():
            problems.append(f"segment {number} is {segment.width}x{segment.height}")
        if segment.codec.upper() != variant.attributes.get("CODECS", "").upper():
            problems.append(f"segment {number} holds {segment.codec}")
        if segment.audio_end is not None and segment.audio_end > segment.video_end + 1:
            problems.append(f"segment {number}: the sound outlasts the picture")
    if variant.segments:
        problems += _rate_problems(variant)
    return problems


def _rate_problems(variant: VariantFacts) -> list[str]:
    declared = int(variant.attributes.get("BANDWIDTH", 0))
    average = int(variant.attributes.get("AVERAGE-BANDWIDTH", 0))
    problems = []
    if not peak_bps(variant.segments) <= declared + 1 <= 1.01 * peak_bps(variant.segments) + 2:
        problems.append(f"BANDWIDTH is {declared}, measured {peak_bps(variant.segments):.0f}")
    measured = variant.size * 8 / variant.seconds
    if abs(average - measured) > 0.01 * measured + 1:
        problems.append(f"AVERAGE-BANDWIDTH is {average}, measured {measured:.0f}")
    return problems


def _ladder_problems(variants: Sequence[VariantFacts], *, low_rung: bool) -> list[str]:
    if not variants or any(not v.segments for v in variants):
        return []
    problems = []
    # A clip shorter than half a segment has no window to measure a peak in: its first picture alone is most of it.
    measurable = variants[0].seconds >= 0.5 * TARGET_SECONDS
    if low_rung and measurable and min(int(v.attributes.get("BANDWIDTH", 0)) for v in variants) > LOW_PEAK_BPS:
        problems.append(f"no variant with a peak of at most {LOW_PEAK_BPS} bit/s")
    if len({v.uri for v in variants}) != len(variants):
        problems.append("two variants with one URI")
    first = variants[0]
    shape = first.shape()[0] / max(1, first.shape()[1])
    for other in variants[1:]:
        if abs(other.shape()[0] / max(1, other.shape()[1]) / shape - 1) > _SAME_SHAPE:
            problems.append(f"{other.uri}: another aspect ratio than {first.uri}")
        problems += _alignment_problems(first, other)
    return problems


def _alignment_problems(first: VariantFacts, other: VariantFacts) -> list[str]:
    """Switching needs the same cuts and the same key frames everywhere."""
    if len(first.segments) != len(other.segments):
        return [f"{other.uri}: {len(other.segments)} segments, {first.uri} has {len(first.segments)}"]
    problems = []
    for number, (ours, theirs) in enumerate(zip(first.segments, other.segments, strict=True)):
        keys = zip(ours.keyframes, theirs.keyframes, strict=False)
        moved = any(abs(a - b) > _SAME_MOMENT for a, b in keys)
        if len(ours.keyframes) != len(theirs.keyframes) or moved:
            problems.append(f"{other.uri}: segment {number} has other key frames than {first.uri}")
    return problems
