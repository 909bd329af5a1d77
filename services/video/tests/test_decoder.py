"""What the locked-in decoder makes of ordinary and odd videos, judged by a validator that shares no code with it."""

import asyncio
import hashlib
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from msgspec import structs

from daira_confinement import Level
from daira_testing import hls
from daira_testing.clips import Clip, make, sample
from daira_video.adapters.protocol import Rendered
from daira_video.adapters.sandbox import Sandbox
from daira_video.domain.ladder import LOW_PEAK_BPS, ladder, mp4_rung
from daira_video.domain.limits import Limits, Source
from daira_video.domain.playlists import Variant, average_bps, master_playlist, peak_bps

LIT_IN_THE_MIDDLE = Clip(seconds=3, audio=None, gop=1000, lit=(0.4, 0.6))
"""One key frame, black; what is worth a poster comes 36 frames later."""


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Limits(), minimum=Level.FILTERED, threads=2)


async def transcode(sandbox: Sandbox, path: Path, output: Path) -> tuple[Source, tuple[Rendered, ...]]:
    """Both passes and the master playlist, as the service makes them."""
    await asyncio.to_thread(output.mkdir)
    source = await sandbox.probe(path)
    rungs = ladder(source)
    rendered: list[Rendered] = []
    for first in (True, False):
        part = tuple(rung for rung in rungs if rung.first_pass is first)
        if part:
            mp4 = mp4_rung(part) if mp4_rung(rungs) in {rung.name for rung in part} else None
            rendered += (await sandbox.encode(path, source, output, part, mp4=mp4)).rungs
    (output / "master.m3u8").write_text(master_playlist([variant(rung) for rung in rendered]))
    return source, tuple(rendered)


def variant(rung: Rendered) -> Variant:
    return Variant(
        name=rung.name,
        width=rung.width,
        height=rung.height,
        rate=rung.rate,
        codecs=rung.codecs,
        peak_bps=peak_bps(rung.segments),
        average_bps=average_bps(rung.segments),
    )


def checked(output: Path) -> hls.StreamFacts:
    return hls.check(lambda path: (output / path).read_bytes())


async def test_the_sample_becomes_a_valid_ladder_and_an_mp4_that_starts_at_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source, rungs = await transcode(sandbox, sample(), tmp_path / "out")

    facts = checked(tmp_path / "out")
    assert [rung.name for rung in rungs] == ["240p", "360p", "480p", "720p"]
    assert {v.uri: v.shape() for v in facts.variants}["720p/playlist.m3u8"] == (1280, 720)
    assert abs(facts.variants[0].seconds - float(source.seconds)) < 0.05
    mp4 = (tmp_path / "out" / "video.mp4").read_bytes()
    assert mp4.index(b"moov") < mp4.index(b"mdat")
    with av.open(str(tmp_path / "out" / "video.mp4")) as container:
        assert container.streams.video[0].frames == 132
        assert container.streams.audio[0].codec_context.name == "aac"


@pytest.mark.parametrize(
    ("name", "clip", "shape", "turn"),
    [
        ("portrait.mp4", Clip(width=120, height=160), (120, 160), 0),
        ("odd.mkv", Clip(width=161, height=121, pix_fmt="yuv444p"), (160, 120), 0),
        ("turned.mp4", Clip(turned=90), (120, 160), 270),
        ("upside_down.mp4", Clip(turned=180), (160, 120), 180),
        ("turned_left.mov", Clip(turned=270), (120, 160), 90),
        ("silent.mp4", Clip(audio=None), (160, 120), 0),
        ("one_frame.mp4", Clip(seconds=0.01, audio=None), (160, 120), 0),
        ("one_frame_long_sound.mp4", Clip(seconds=0.01, audio_seconds=2), (160, 120), 0),
        ("uneven.mp4", Clip(uneven=True, seconds=2), (160, 120), 0),
        ("hevc.mp4", Clip(video="libx265"), (160, 120), 0),
        ("hevc_10bit.mov", Clip(video="libx265", pix_fmt="yuv420p10le"), (160, 120), 0),
        ("high_10bit.mp4", Clip(pix_fmt="yuv420p10le"), (160, 120), 0),
        ("vp9.webm", Clip(video="libvpx-vp9", audio="libopus"), (160, 120), 0),
        ("av1.mp4", Clip(video="libsvtav1", width=192, height=128), (192, 128), 0),
        ("slow.mp4", Clip(rate=1, seconds=3), (160, 120), 0),
        ("fast.mp4", Clip(rate=60, seconds=1), (160, 120), 0),
        ("mp3.mkv", Clip(audio="libmp3lame"), (160, 120), 0),
    ],
)
async def test_odd_but_honest_videos_become_valid_streams(
    sandbox: Sandbox, tmp_path: Path, name: str, clip: Any, shape: Any, turn: int
) -> None:
    source, _ = await transcode(sandbox, make(tmp_path / name, clip), tmp_path / "out")

    facts = checked(tmp_path / "out")
    assert source.rotation == turn
    assert facts.variants[0].shape() == shape
    assert facts.variants[0].segments[0].width == shape[0]
    assert source.has_audio is (clip.audio is not None)
    assert all("mp4a" in one.attributes["CODECS"] for one in facts.variants)


async def test_a_turned_phone_video_stands_upright_in_every_output(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "turned.mp4", Clip(turned=90, audio=None))
    source, _ = await transcode(sandbox, path, tmp_path / "out")
    posted = await sandbox.poster(path, source, tmp_path / "out")

    # The clip's green grows downwards; turned clockwise it grows from right to left.
    for file in ("360p/seg_00000.ts", "video.mp4", "poster.jpg"):
        with av.open(str(tmp_path / "out" / file)) as container:
            pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert pixels.shape[:2] == (160, 120)
        assert pixels[80, 10, 1] > pixels[80, 110, 1] + 50
    assert (posted.width, posted.height) == (120, 160)


async def test_hdr_is_folded_into_ordinary_brightness_everywhere(sandbox: Sandbox, tmp_path: Path) -> None:
    shades: dict[tuple[bool, str], int] = {}
    for hdr in (False, True):
        clip = Clip(seconds=0.3, video="libx265", pix_fmt="yuv420p10le", audio=None, hdr=hdr)
        path, out = make(tmp_path / f"{hdr}.mov", clip), tmp_path / str(hdr)
        source, _ = await transcode(sandbox, path, out)
        await sandbox.poster(path, source, out)
        for file in ("360p/seg_00000.ts", "poster.jpg"):
            with av.open(str(out / file)) as container:
                stream = container.streams.video[0]
                frame = next(container.decode(stream))
                assert file == "poster.jpg" or stream.codec_context.color_trc == 1
                shades[hdr, file] = int(frame.to_ndarray(format="gray")[60, 110])

    for file in ("360p/seg_00000.ts", "poster.jpg"):
        assert shades[True, file] < shades[False, file] - 5


async def test_cuts_fall_on_the_same_moments_in_all_rungs_of_a_longer_video(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "long.mp4", Clip(seconds=14, width=320, height=568, rate=60, uneven=True, gop=37))

    await transcode(sandbox, path, tmp_path / "out")

    facts = checked(tmp_path / "out")
    assert [round(s.seconds) for s in facts.variants[0].segments] == [6, 6, 2]
    assert [len(s.keyframes) for s in facts.variants[0].segments] == [3, 3, 1]


async def test_rungs_of_half_the_pictures_have_the_same_clock(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "fast.mp4", Clip(seconds=6.5, width=1280, height=720, rate=60))

    await transcode(sandbox, path, tmp_path / "out")

    assert [v.attributes["FRAME-RATE"] for v in checked(tmp_path / "out").variants] == ["30.000"] * 3 + ["60.000"]


async def test_the_cellular_rung_keeps_its_promise_even_for_noise(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "noise.mp4", Clip(seconds=13, width=426, height=240, noise=True))

    _, rungs = await transcode(sandbox, path, tmp_path / "out")

    assert peak_bps(rungs[0].segments) <= 0.9 * LOW_PEAK_BPS


async def test_a_rung_above_its_promise_is_made_again_with_less_and_still_switches(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = make(tmp_path / "noise.mp4", Clip(seconds=8, width=426, height=240, noise=True))
    source = await sandbox.probe(path)
    low, next_ = ladder(source)
    strict = structs.replace(low, most_bps=110_000)

    first, second = (await sandbox.encode(path, source, tmp_path, (strict, next_))).rungs

    assert peak_bps(first.segments) <= 110_000
    assert first.rate < source.rate
    (tmp_path / "master.m3u8").write_text(master_playlist([variant(first), variant(second)]))
    checked(tmp_path)


@pytest.mark.parametrize(
    "clip",
    [
        Clip(seconds=13, audio=None, rate=10),
        Clip(seconds=13, audio_seconds=1, rate=10),
        Clip(seconds=13, audio_seconds=1, audio_start=11, rate=10),
    ],
    ids=["no sound", "sound that ends early", "sound that begins late"],
)
async def test_every_segment_of_every_rung_has_sound(sandbox: Sandbox, tmp_path: Path, clip: Any) -> None:
    await transcode(sandbox, make(tmp_path / "clip.mp4", clip), tmp_path / "out")

    facts = checked(tmp_path / "out")
    for one in facts.variants:
        assert len(one.segments) == 3
        assert one.attributes["CODECS"].endswith(",mp4a.40.2")
        assert abs(max(s.audio_end or 0 for s in one.segments) - one.segments[-1].video_last) < 0.2
    with av.open(str(tmp_path / "out" / "video.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


async def test_the_same_source_gives_the_same_bytes_again(sandbox: Sandbox, tmp_path: Path) -> None:
    digests = []
    for attempt in ("first", "second"):
        await transcode(sandbox, sample(), tmp_path / attempt)
        files = sorted(p for p in (tmp_path / attempt).rglob("*") if p.is_file())
        digests.append({p.relative_to(tmp_path / attempt): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})

    assert digests[0] == digests[1]


async def test_place_and_words_of_the_author_are_in_no_output(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "private.mov", Clip(location="+30.0444+031.2357/"))
    assert b"+30.0444" in path.read_bytes()

    source, _ = await transcode(sandbox, path, tmp_path / "out")
    await sandbox.poster(path, source, tmp_path / "out")

    for file in (tmp_path / "out").rglob("*.*"):
        body = file.read_bytes()
        assert not any(secret in body for secret in (b"30.0444", b"private words", b"loci", b"\xa9xyz", b"Exif"))


async def test_the_poster_is_a_jpeg_and_a_webp_and_has_a_blurhash(sandbox: Sandbox, tmp_path: Path) -> None:
    source = await sandbox.probe(sample())

    posted = await sandbox.poster(sample(), source, tmp_path)

    assert (tmp_path / "poster.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert (tmp_path / "poster.webp").read_bytes()[8:12] == b"WEBP"
    assert (posted.width, posted.height) == (1280, 720)
    assert len(posted.blurhash) > 10


async def test_the_poster_is_the_sharpest_of_three_moments_also_between_key_frames(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = make(tmp_path / "dark_ends.mp4", LIT_IN_THE_MIDDLE)
    source = await sandbox.probe(path)

    await sandbox.poster(path, source, tmp_path)

    assert brightness(tmp_path / "poster.jpg") > 80


async def test_a_moment_far_behind_its_key_frame_is_not_decoded_for(tmp_path: Path) -> None:
    path = make(tmp_path / "dark_ends.mp4", LIT_IN_THE_MIDDLE)
    hurried = Sandbox(Limits(poster_pixels=10 * 160 * 120), minimum=Level.FILTERED, threads=1)
    source = await hurried.probe(path)

    await hurried.poster(path, source, tmp_path)

    assert brightness(tmp_path / "poster.jpg") < 20


@pytest.mark.parametrize(
    ("name", "late_sound", "late_picture"),
    [("a.mp4", 0.5, 0.0), ("a.mkv", 0.5, 0.0), ("a.mp4", 0.0, 0.4), ("a.mkv", 3.0, 3.0), ("a.mkv", 0.0, 0.0)],
)
async def test_sound_and_picture_stay_in_step_however_they_begin(
    sandbox: Sandbox, tmp_path: Path, name: str, late_sound: float, late_picture: float
) -> None:
    clip = Clip(seconds=2, audio_seconds=1, audio_start=late_sound, video_start=late_picture)
    source, _ = await transcode(sandbox, make(tmp_path / name, clip), tmp_path / "out")

    checked(tmp_path / "out")
    begins = min(late_sound, late_picture)
    for file in ("360p/seg_00000.ts", "video.mp4"):
        picture, tone = first_moments(tmp_path / "out" / file)
        assert abs(tone - picture - (late_sound - begins)) < 0.05
    assert abs(float(source.start) - begins) < 0.05


async def test_what_a_phone_cut_off_the_beginning_is_not_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(seconds=3, audio=None))
    body = bytearray(path.read_bytes())
    entry = body.index(b"elst") + 12
    duration, begin = struct.unpack_from(">Ii", body, entry)
    # The track begins 1.5 s later (its clock ticks 15,360 times a second, the file's 1,000 times).
    struct.pack_into(">Ii", body, entry, duration - 1500, begin + int(1.5 * 15_360))
    path.write_bytes(body)

    source, _ = await transcode(sandbox, path, tmp_path / "out")

    facts = checked(tmp_path / "out")
    assert abs(float(source.seconds) - 1.5) < 0.05
    assert abs(facts.variants[0].seconds - 1.5) < 0.05


def brightness(picture: Path) -> float:
    """Mean of all pixels, 0 to 255."""
    with av.open(str(picture)) as container:
        return float(next(container.decode(video=0)).to_ndarray(format="gray").mean())


def first_moments(path: Path) -> tuple[float, float]:
    """When the first picture is shown and when the first loud sample is heard, in seconds."""
    with av.open(str(path)) as container:
        picture = min(frame.time for frame in container.decode(video=0) if frame.time is not None)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.1)
            if len(loud) and frame.time is not None:
                return picture, frame.time + int(loud[0]) / frame.sample_rate
    raise AssertionError("there is no sound")
