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
DEFAULT_BPS = 730_000
"""What a player on a cellular network begins with (rule 1.32), more or less."""
_MORE = 1.5  # still about DEFAULT_BPS; the next rung is a large step away
KEY_SECONDS = 2
"""Largest distance of key frames; 60 pictures at 30000/1001 a second last 2.002 s and are meant."""
HIGHEST_LEVEL = 42
"""H.264 level, times ten."""
EXTINF_SECONDS = 0.05
"""How far a declared duration may be from the real one."""
STEP_SECONDS = 0.15
"""How far sound and picture of a whole stream may differ in beginning and length."""
_HIGH_PROFILE = 100
_SAME_MOMENT = 0.02  # seconds: below half a frame at 25 frames a second
_SAME_SHAPE = 0.02
_REQUIRED = ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


class SegmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment holds; times in seconds of the stream's own clock."""

    name: str
    seconds: float
    """As the playlist says."""
    size: int
    keyframes: tuple[float, ...]
    first_is_key: bool
    video_start: float
    video_last: float
    """When the last picture begins."""
    audio_start: float | None
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

    @property
    def frame_seconds(self) -> float:
        """How long one picture stands, by FRAME-RATE."""
        return 1 / max(1.0, float(self.attributes.get("FRAME-RATE", 0)))

    def shape(self) -> tuple[int, int]:
        """RESOLUTION as (width, height)."""
        width, _, height = self.attributes.get("RESOLUTION", "0x0").partition("x")
        return int(width), int(height)


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a player would find, and every rule it breaks."""

    variants: tuple[VariantFacts, ...]
    problems: tuple[str, ...]


def inspect(read: Read, master: str = "master.m3u8", *, saver: bool = False) -> StreamFacts:
    """Fetch everything below a master playlist and list the rules it breaks.

    A `saver` is for who spares data: it begins with its smallest variant.
    """
    problems: list[str] = []
    text = read(master).decode()
    variants = [_variant(read, uri, attributes, problems) for uri, attributes in _streams(text, problems)]
    for variant in variants:
        problems += [f"{variant.uri}: {problem}" for problem in _variant_problems(variant)]
    problems += _ladder_problems(variants, saver=saver)
    return StreamFacts(variants=tuple(variants), problems=tuple(problems))


def check(read: Read, master: str = "master.m3u8", *, saver: bool = False) -> StreamFacts:
    """`inspect`, raising AssertionError with all broken rules."""
    facts = inspect(read, master, saver=saver)
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
                segments.append(_segment(read(path), name, float(info[8:].split(",")[0])))
            except (av.error.FFmpegError, StopIteration, LookupError, OSError) as error:
                problems.append(f"{path}: cannot be read: {error}")
    if not segments:
        problems.append(f"{uri}: no segments")
    return VariantFacts(uri=uri, attributes=attributes, segments=tuple(segments))


def _segment(body: bytes, name: str, seconds: float) -> SegmentFacts:
    keys: list[float] = []
    first: bool | None = None
    shown: list[float] = []
    heard: list[tuple[float, float]] = []
    with av.open(io.BytesIO(body), "r") as container:
        video = container.streams.video[0]
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            moment = float(packet.pts * packet.time_base)
            if packet.stream.type == "audio":
                heard.append((moment, moment + float((packet.duration or 0) * packet.time_base)))
            elif packet.stream.type == "video":
                first = bool(packet.is_keyframe) if first is None else first
                shown.append(moment)
                if packet.is_keyframe:
                    keys.append(moment)
        context = video.codec_context
        return SegmentFacts(
            name=name,
            seconds=seconds,
            size=len(body),
            keyframes=tuple(keys),
            first_is_key=bool(first),
            video_start=min(shown),
            video_last=max(shown),
            audio_start=min((start for start, _ in heard), default=None),
            audio_end=max((end for _, end in heard), default=None),
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
    problems = _codec_problems(variant.attributes.get("CODECS", ""), "CODECS")
    for number, segment in enumerate(variant.segments):
        problems += [f"segment {number} {problem}" for problem in _segment_problems(variant, segment)]
    if len({segment.name for segment in variant.segments}) != len(variant.segments):
        problems.append("a segment is listed twice")
    if variant.segments:
        problems += [*_rate_problems(variant), *_clock_problems(variant), *_sound_problems(variant)]
    return problems


def _segment_problems(variant: VariantFacts, segment: SegmentFacts) -> list[str]:
    problems = _codec_problems(segment.codec, "its bytes")
    real = segment.video_last + variant.frame_seconds - segment.video_start
    if abs(segment.seconds - real) > EXTINF_SECONDS:
        problems.append(f"lasts {real:.3f} s, EXTINF says {segment.seconds}")
    if segment.seconds > TARGET_SECONDS + TOLERANCE_SECONDS:
        problems.append(f"lasts {segment.seconds} s")
    if not segment.first_is_key:
        problems.append("does not begin with a key frame")
    if (segment.width, segment.height) != variant.shape():
        problems.append(f"is {segment.width}x{segment.height}")
    if segment.codec.upper() != variant.attributes.get("CODECS", "").upper():
        problems.append(f"holds {segment.codec}")
    if segment.audio_end is None:
        problems.append("has no sound")
    elif segment.audio_end > segment.video_last + variant.frame_seconds + 1:
        problems.append("the sound outlasts the picture")
    return problems


def _codec_problems(codecs: str, place: str) -> list[str]:
    """Apple: H.264 up to High and level 4.2, and every variant has sound if one has; here all have."""
    problems = []
    found = re.search(r"avc1\.([0-9a-fA-F]{2})[0-9a-fA-F]{2}([0-9a-fA-F]{2})", codecs)
    if found is None:
        problems.append(f"{place}: no H.264 in {codecs!r}")
    elif int(found[1], 16) > _HIGH_PROFILE or int(found[2], 16) > HIGHEST_LEVEL:
        problems.append(f"{place}: profile {int(found[1], 16)} level {int(found[2], 16)} is beyond High 4.2")
    if "mp4a.40." not in codecs:
        problems.append(f"{place}: no AAC in {codecs!r}")
    return problems


def _clock_problems(variant: VariantFacts) -> list[str]:
    """Each segment goes on where the one before ended, and key frames are never far apart."""
    problems = []
    for number, (ours, following) in enumerate(pairwise(variant.segments), start=1):
        gap = following.video_start - ours.video_last - variant.frame_seconds
        if abs(gap) > variant.frame_seconds + 0.001:
            problems.append(f"segment {number} begins {gap:+.3f} s from the end of the one before")
        if ours.audio_end is not None and following.audio_start is not None:
            silence = following.audio_start - ours.audio_end
            if abs(silence) > _SAME_MOMENT:
                problems.append(f"segment {number}: its sound begins {silence:+.3f} s from the end of that before")
    keys = [moment for segment in variant.segments for moment in segment.keyframes]
    keys.append(variant.segments[-1].video_last + variant.frame_seconds)
    longest = max((later - earlier for earlier, later in pairwise(keys)), default=0.0)
    if longest > KEY_SECONDS + _SAME_MOMENT:
        problems.append(f"{longest:.3f} s without a key frame")
    return problems


def _sound_problems(variant: VariantFacts) -> list[str]:
    first, last = variant.segments[0], variant.segments[-1]
    if first.audio_start is None or last.audio_end is None:
        return []
    problems = []
    if abs(first.audio_start - first.video_start) > STEP_SECONDS:
        problems.append(f"sound begins {first.audio_start - first.video_start:+.3f} s from the picture")
    heard, shown = last.audio_end - first.audio_start, last.video_last + variant.frame_seconds - first.video_start
    if abs(heard - shown) > STEP_SECONDS:
        problems.append(f"{heard:.3f} s of sound for {shown:.3f} s of picture")
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


def _ladder_problems(variants: Sequence[VariantFacts], *, saver: bool) -> list[str]:
    if not variants or any(not v.segments for v in variants):
        return []
    problems = []
    # A clip shorter than half a segment has no window to measure a peak in: its first picture alone is most of it.
    if variants[0].seconds >= 0.5 * TARGET_SECONDS:
        problems += _choice_problems(variants, saver=saver)
    if len({v.uri for v in variants}) != len(variants):
        problems.append("two variants with one URI")
    first = variants[0]
    shape = first.shape()[0] / max(1, first.shape()[1])
    for other in variants[1:]:
        if abs(other.shape()[0] / max(1, other.shape()[1]) / shape - 1) > _SAME_SHAPE:
            problems.append(f"{other.uri}: another aspect ratio than {first.uri}")
        problems += _alignment_problems(first, other)
    return problems


def _choice_problems(variants: Sequence[VariantFacts], *, saver: bool) -> list[str]:
    """A player needs several bit rates, one of them for the worst network, and a sensible one to begin with."""
    peaks = [int(v.attributes.get("BANDWIDTH", 0)) for v in variants]
    averages = [int(v.attributes.get("AVERAGE-BANDWIDTH", 0)) for v in variants]
    problems = []
    if min(peaks) > LOW_PEAK_BPS:
        problems.append(f"no variant with a peak of at most {LOW_PEAK_BPS} bit/s")
    # What the worst network carries as it is, such as a still picture, needs no second rate.
    if max(peaks) > LOW_PEAK_BPS and len(set(peaks)) < max(2, len(peaks)):
        problems.append(f"{len(peaks)} variants of {len(set(peaks))} bit rates")
    if averages[1:] != sorted(averages[1:]):
        problems.append("the variants after the first do not ascend in bit rate")
    if not _is_good_start(averages, saver=saver):
        problems.append(f"players begin with {averages[0]} bit/s")
    return problems


def _is_good_start(averages: Sequence[int], *, saver: bool) -> bool:
    """A data saver begins with the least; others with what a cellular network carries, but not with the poorest."""
    least = min(averages)
    if saver:
        return averages[0] == least
    affordable = {rate for rate in averages if rate <= DEFAULT_BPS * _MORE} or {least}
    return averages[0] in affordable and (averages[0] > least or affordable == {least})


def _alignment_problems(first: VariantFacts, other: VariantFacts) -> list[str]:
    """Switching needs the same cuts and the same key frames everywhere."""
    if len(first.segments) != len(other.segments):
        return [f"{other.uri}: {len(other.segments)} segments, {first.uri} has {len(first.segments)}"]
    problems = []
    if abs(first.seconds - other.seconds) > _SAME_MOMENT * len(first.segments):
        problems.append(f"{other.uri} lasts {other.seconds:.3f} s, {first.uri} {first.seconds:.3f} s")
    for number, (ours, theirs) in enumerate(zip(first.segments, other.segments, strict=True)):
        keys = zip(ours.keyframes, theirs.keyframes, strict=False)
        moved = any(abs(a - b) > _SAME_MOMENT for a, b in keys)
        if len(ours.keyframes) != len(theirs.keyframes) or moved:
            problems.append(f"{other.uri}: segment {number} has other key frames than {first.uri}")
    return problems
