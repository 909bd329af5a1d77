"""Which renditions a source gets: portrait first, never larger than the source, cut at the same instants."""

from fractions import Fraction
from math import ceil

import msgspec
from msgspec import structs

from daira_video.domain.limits import Source

SEGMENT_SECONDS = 6
GOP_SECONDS = 2
SEGMENT_TOLERANCE = 0.5
"""Seconds a segment may exceed SEGMENT_SECONDS (HLS authoring rule 7)."""
LOW_PEAK_BPS = 192_000
"""Most bits per second, measured, of the rung for cellular networks (HLS authoring rule 9.21)."""
STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("10", "12", "15", "20", "24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)


class RungRule(msgspec.Struct, frozen=True):
    """One step of the ladder as declared; bit rates are targets in kbit/s."""

    name: str
    short_edge: int
    video_kbps: int
    audio_kbps: int
    max_fps: int
    peak: float
    """Highest rate as a multiple of the target."""
    buffer: float
    """Rate control buffer in seconds of the target."""
    first_pass: bool = False
    preset: str = "fast"
    """libx264's; the large rungs have bits to spare."""
    most_kbps: int | None = None
    """Largest peak that may be measured in the segments, headers and sound included."""


LADDER = (
    # 80k video + 40k sound + 50k transport stream headers (30 frames a second) leave LOW_PEAK_BPS a tenth of room.
    RungRule("240p", 240, 80, 48, 30, 1.0, 0.8, first_pass=True, most_kbps=LOW_PEAK_BPS // 1000),
    RungRule("360p", 360, 500, 128, 30, 1.1, 1.5, first_pass=True),
    RungRule("480p", 480, 1000, 128, 30, 1.1, 1.5),
    # `faster` costs a fourth less computing time here than `fast`, and 0.0004 of SSIM.
    RungRule("720p", 720, 2500, 128, 60, 1.1, 1.5, preset="faster"),
    RungRule("1080p", 1080, 5000, 128, 60, 1.1, 1.5, preset="faster"),
)
MOST_MACROBLOCKS = 8704
"""In a picture of H.264 level 4.2 (table A-1), at up to 60 pictures a second."""
_CALM = 0.9  # of the rate that would just do
ALWAYS = 2  # the first rungs exist for every source, at the source's size when that is smaller
NEARLY = 0.9  # a source this close below a rung still gets it, at the source's size


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rendition to make; rates in bits per second, sizes in pixels (even)."""

    name: str
    width: int
    height: int
    rate: Fraction
    video_bps: int
    max_bps: int
    buffer_bits: int
    audio_bps: int
    first_pass: bool
    preset: str
    most_bps: int | None = None

    def calmed(self, measured_bps: int) -> "Rung | None":
        """What to make instead when the peak measured is too high: fewer bits and half the pictures."""
        if self.most_bps is None or measured_bps <= self.most_bps:
            return None
        share = self.most_bps / measured_bps * _CALM
        return structs.replace(
            self,
            # Only where the key frames stay where they are in the other rungs.
            rate=self.rate / 2 if self.gop % 2 == 0 else self.rate,
            video_bps=int(self.video_bps * share),
            max_bps=int(self.max_bps * share),
            buffer_bits=int(self.buffer_bits * share),
        )

    @property
    def gop(self) -> int:
        """Frames between two IDR pictures; rounded up so that three never last less than a segment."""
        return ceil(self.rate * GOP_SECONDS)


def standard_rate(measured: Fraction) -> Fraction:
    """The standard frame rate nearest to a measured one: variable-rate phones hover around one."""
    return min(STANDARD_RATES, key=lambda rate: (abs(rate - measured) / rate, rate))


def scaled(width: int, height: int, short_edge: int) -> tuple[int, int]:
    """Fit the shorter edge into `short_edge` without enlarging; both results are even."""
    factor = min(Fraction(1), Fraction(short_edge, min(width, height)))
    return _even(width * factor), _even(height * factor)


def ladder(source: Source) -> tuple[Rung, ...]:
    """All rungs of a source, smallest first."""
    reach = source.short_edge / NEARLY
    rules = [rule for place, rule in enumerate(LADDER) if place < ALWAYS or rule.short_edge <= reach]
    return tuple(_rung(rule, source) for rule in rules)


def mp4_rung(rungs: tuple[Rung, ...]) -> str:
    """Name of the rung whose stream also becomes the MP4: 720p, or the best below it."""
    eligible = [rung for rung in rungs if _edge_of(rung.name) <= 720]
    return eligible[-1].name


def _rung(rule: RungRule, source: Source) -> Rung:
    width, height = _within_level(source, rule.short_edge)
    # 50 and 60 are the only standard rates above 30: half of each keeps every second frame.
    rate = source.rate if source.rate <= rule.max_fps else source.rate / 2
    video = rule.video_kbps * 1000
    return Rung(
        name=rule.name,
        width=width,
        height=height,
        rate=rate,
        video_bps=video,
        max_bps=int(video * rule.peak),
        buffer_bits=int(video * rule.buffer),
        audio_bps=rule.audio_kbps * 1000,
        first_pass=rule.first_pass,
        preset=rule.preset,
        most_bps=None if rule.most_kbps is None else rule.most_kbps * 1000,
    )


def _within_level(source: Source, short_edge: int) -> tuple[int, int]:
    """Today's long phones exceed H.264 level 4.2 with 1080 pixels in the short edge: they get a little fewer."""
    width, height = scaled(source.width, source.height, short_edge)
    while ceil(width / 16) * ceil(height / 16) > MOST_MACROBLOCKS:
        short_edge -= 2
        width, height = scaled(source.width, source.height, short_edge)
    return width, height


def _edge_of(name: str) -> int:
    return next(rule.short_edge for rule in LADDER if rule.name == name)


def _even(length: Fraction) -> int:
    return max(2, int(length / 2) * 2)
