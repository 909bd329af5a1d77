"""The rules of the ladder, the playlists and the lifecycle."""

from fractions import Fraction
from typing import Any

import pytest

from daira_kit.states import IllegalTransition
from daira_video.domain.ladder import LOW_PEAK_BPS, ladder, mp4_rung, scaled, standard_rate
from daira_video.domain.lifecycle import LIFECYCLE, VideoState
from daira_video.domain.limits import FailureCode, Limits, MediaRejected, Source, check_length, check_size
from daira_video.domain.playlists import (
    Segment,
    Variant,
    average_bps,
    master_playlist,
    media_playlist,
    peak_bps,
    saver_playlist,
)

PORTRAIT = {"240p": (240, 426), "360p": (360, 640), "480p": (480, 852)}
LANDSCAPE = {"240p": (426, 240), "360p": (640, 360), "480p": (852, 480)}
RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60", "10", "12", "15", "20")


def source(width: int, height: int, rate: Fraction = Fraction(30), seconds: Fraction = Fraction(10)) -> Source:
    return Source(
        container="mov",
        video_codec="h264",
        audio_codec="aac",
        width=width,
        height=height,
        rotation=0,
        rate=rate,
        start=Fraction(0),
        seconds=seconds,
        frames=int(seconds * rate),
    )


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1080, 1920, PORTRAIT | {"720p": (720, 1280), "1080p": (1080, 1920)}),
        (1920, 1080, LANDSCAPE | {"720p": (1280, 720), "1080p": (1920, 1080)}),
        (720, 1280, PORTRAIT | {"720p": (720, 1280)}),
        (160, 120, {"240p": (160, 120), "360p": (160, 120)}),
        (161, 121, {"240p": (160, 120), "360p": (160, 120)}),
        (704, 1252, PORTRAIT | {"720p": (704, 1252)}),
    ],
)
def test_rungs_scale_by_the_short_edge_and_never_enlarge(width: int, height: int, expected: Any) -> None:
    rungs = ladder(source(width, height))

    assert {rung.name: (rung.width, rung.height) for rung in rungs} == expected


@pytest.mark.parametrize(("width", "height"), [(1080, 2340), (2400, 1080), (1080, 1080), (1080, 4096)])
def test_long_phones_stay_within_the_level_that_all_players_know(width: int, height: int) -> None:
    for rung in ladder(source(width, height, Fraction(60))):
        blocks = -(-rung.width // 16) * -(-rung.height // 16)
        assert blocks <= 8704 and blocks * rung.rate <= 522_240
        assert abs(rung.width / rung.height / (width / height) - 1) < 0.02


@pytest.mark.parametrize("rate", RATES)
def test_a_calmed_rung_is_cut_like_the_others(rate: str) -> None:
    rung = ladder(source(720, 1280, Fraction(rate)))[0]
    length = rung.gop / rung.rate
    assert rung.calmed(LOW_PEAK_BPS) is None

    for _ in range(2):
        calmed = rung.calmed(LOW_PEAK_BPS + 1)
        assert calmed is not None and calmed.video_bps < rung.video_bps
        assert calmed.gop / calmed.rate == length
        rung = calmed

    assert ladder(source(720, 1280))[1].calmed(10**9) is None


def variant(name: str, width: int, height: int, average: int) -> Variant:
    return Variant(
        name=name,
        width=width,
        height=height,
        rate=Fraction("30000/1001"),
        codecs="avc1.64001F,mp4a.40.2",
        peak_bps=average * 2,
        average_bps=average,
    )


@pytest.mark.parametrize("edge", range(16, 1200, 37))
def test_every_size_gives_even_pictures_that_fit_in_the_source(edge: Any) -> None:
    for rung in ladder(source(edge, edge * 2 + 1)):
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= edge and rung.height <= edge * 2 + 1


def test_the_first_pass_is_the_cellular_rung_and_360p() -> None:
    rungs = ladder(source(1080, 1920))

    assert [rung.name for rung in rungs if rung.first_pass] == ["240p", "360p"]
    assert rungs[0].video_bps + rungs[0].audio_bps < LOW_PEAK_BPS


def test_the_mp4_is_720p_or_the_best_below_it() -> None:
    assert mp4_rung(ladder(source(1080, 1920))) == "720p"
    assert mp4_rung(ladder(source(480, 854))) == "480p"
    assert mp4_rung(ladder(source(100, 100))) == "360p"


@pytest.mark.parametrize(
    "rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60", "10", "12", "15", "20"]
)
def test_groups_of_pictures_last_alike_in_all_rungs_and_fill_segments_exactly(rate: str) -> None:
    rungs = ladder(source(1080, 1920, Fraction(rate)))

    lengths = {Fraction(rung.gop) / rung.rate for rung in rungs}

    assert len(lengths) == 1
    assert 6 <= 3 * lengths.pop() <= Fraction(65, 10)


def test_small_rungs_show_at_most_thirty_frames_a_second() -> None:
    rates = {rung.name: rung.rate for rung in ladder(source(1080, 1920, Fraction(60)))}

    assert rates == {"240p": 30, "360p": 30, "480p": 30, "720p": 60, "1080p": 60}


def test_measured_rates_become_the_nearest_standard_one() -> None:
    assert standard_rate(Fraction(2997, 100)) == Fraction(30000, 1001)
    assert standard_rate(Fraction(2995, 100)) == Fraction(30000, 1001)
    assert standard_rate(Fraction(301, 10)) == 30
    assert standard_rate(Fraction(1)) == 10
    assert standard_rate(Fraction(1000)) == 60


def test_scaling_keeps_the_aspect_ratio_of_odd_sizes() -> None:
    assert scaled(1081, 1919, 360) == (360, 638)


def test_peak_bandwidth_counts_windows_of_half_to_one_and_a_half_targets() -> None:
    segments = [Segment("0", 6.0, 750_000), Segment("1", 6.0, 1_500_000), Segment("2", 0.5, 500_000)]

    # The last half second alone is no window; with its neighbour it is.
    assert peak_bps(segments) == -(-(1_500_000 + 500_000) * 8 * 10 // 65)
    assert average_bps(segments) == 1_760_000


def test_peak_bandwidth_of_a_blink_is_its_average() -> None:
    assert peak_bps([Segment("0", 0.04, 1000)]) == 200_000


def test_playlists_say_what_players_need() -> None:
    media = media_playlist([Segment("seg_00000.ts", 6.006, 1), Segment("seg_00001.ts", 1.5, 1)])
    variants = [variant("240p", 240, 426, 1), variant("360p", 360, 640, 3), variant("720p", 720, 1280, 9)]
    master = master_playlist(variants)

    assert media.splitlines()[-5:-3] == ["#EXTINF:6.006000,", "seg_00000.ts"]
    assert media.splitlines()[-3:] == ["#EXTINF:1.500000,", "seg_00001.ts", "#EXT-X-ENDLIST"]
    assert [line for line in master.splitlines() if not line.startswith("#")] == [
        "360p/playlist.m3u8",
        "240p/playlist.m3u8",
        "720p/playlist.m3u8",
    ]
    assert 'FRAME-RATE=29.970,CODECS="avc1.64001F,mp4a.40.2"' in master


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"240p": 240, "360p": 360, "480p": 480}, ["240p", "360p"]),
        ({"360p": 360}, ["360p"]),
        ({"480p": 480, "720p": 720}, ["480p"]),
        ({}, []),
    ],
)
def test_who_spares_data_begins_with_the_least_and_never_gets_more_than_360p(
    sizes: dict[str, int], expected: list[str]
) -> None:
    variants = [variant(name, edge, edge * 2, edge) for name, edge in reversed(sizes.items())]

    lines = [line for line in saver_playlist(variants).splitlines() if not line.startswith("#")]

    assert lines == [f"{name}/playlist.m3u8" for name in expected]


@pytest.mark.parametrize(
    ("pixels", "frames", "seconds", "code"),
    [
        (1920 * 1080, 30 * 601, Fraction(601), FailureCode.TOO_LONG),
        (1920 * 1080, 1000, Fraction(1), FailureCode.TOO_FAST),
        (4096 * 4096, 60 * 200, Fraction(200), FailureCode.TOO_DEMANDING),
    ],
)
def test_sources_beyond_the_limits_are_refused(pixels: int, frames: int, seconds: Any, code: FailureCode) -> None:
    with pytest.raises(MediaRejected) as refused:
        check_length(Limits(), pixels=pixels, frames=frames, seconds=seconds)

    assert refused.value.code is code


def test_a_single_frame_has_no_frame_rate_to_refuse() -> None:
    check_length(Limits(), pixels=160 * 120, frames=1, seconds=Fraction(1, 1000))


@pytest.mark.parametrize(("size", "code"), [((4098, 100), "too_many_pixels"), ((100, 15), "too_small")])
def test_sizes_beyond_the_limits_are_refused(size: Any, code: str) -> None:
    with pytest.raises(MediaRejected) as refused:
        check_size(Limits(), *size)

    assert refused.value.code == code


def test_a_finished_video_never_starts_again() -> None:
    with pytest.raises(IllegalTransition):
        LIFECYCLE.check(VideoState.READY, VideoState.PROCESSING)
    with pytest.raises(IllegalTransition):
        LIFECYCLE.check(VideoState.FAILED, VideoState.PROBING)

    assert LIFECYCLE.is_final(VideoState.REMOVED)
