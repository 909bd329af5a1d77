"""The validator names every rule that is broken in an otherwise good stream."""

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame

from daira_testing import hls

Files = dict[str, bytes]
RATE, SAMPLES = 10, 48_000
NULL_PACKET = b"\x47\x1f\xff\x10" + b"\xff" * 184
LOW, HIGH, BEST = "low/playlist.m3u8", "high/playlist.m3u8", "best/playlist.m3u8"


def rung(folder: Path, width: int, height: int, *, seconds: int = 14, gop: int = 20, level: str = "1.3") -> Path:
    """A media playlist with segments of 6 s, sound included."""
    folder.mkdir(parents=True)
    options = {
        "hls_time": "6",
        "hls_playlist_type": "vod",
        "hls_segment_filename": str(folder / "%d.ts"),
        "max_delay": "700000",
    }
    with av.open(str(folder / "playlist.m3u8"), "w", format="hls", options=options) as container:
        fill(container, width, height, seconds=seconds, gop=gop, level=level)
    lines = (folder / "playlist.m3u8").read_text().splitlines()
    lines = ["#EXT-X-TARGETDURATION:6" if line.startswith("#EXT-X-TARGETD") else line for line in lines]
    (folder / "playlist.m3u8").write_text("\n".join(Path(line).name if line[0] == "/" else line for line in lines))
    return folder


def fill(container: OutputContainer, width: int, height: int, *, seconds: int, gop: int, level: str) -> None:
    x264 = {"preset": "ultrafast", "level": level, "sc_threshold": "0", "keyint_min": str(gop)}
    picture: Any = container.add_stream("libx264", rate=RATE, options=x264)
    picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
    picture.codec_context.gop_size = gop
    picture.codec_context.time_base = Fraction(1, RATE)
    sound: Any = container.add_stream("aac", rate=SAMPLES)
    sound.codec_context.layout, sound.codec_context.bit_rate = "mono", 32_000
    for number in range(seconds * RATE):
        frame = VideoFrame.from_ndarray(np.full((height, width, 3), number, np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        container.mux(picture.encode(frame))
        tone = AudioFrame.from_ndarray(np.zeros((1, SAMPLES // RATE), np.float32), format="fltp", layout="mono")
        tone.sample_rate, tone.time_base = SAMPLES, Fraction(1, SAMPLES)
        tone.pts = number * SAMPLES // RATE
        container.mux(sound.encode(tone))
    container.mux(picture.encode(None))
    container.mux(sound.encode(None))


SHAPES = {LOW: "160x120", HIGH: "320x240", BEST: "640x480"}


def announced(files: Files, *order: str) -> Files:
    """With a master playlist that says what was measured, whatever else is wrong."""
    bare = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    for uri in order or (HIGH, LOW):
        bare += f"#EXT-X-STREAM-INF:RESOLUTION={SHAPES[uri]},FRAME-RATE={RATE}.000\n{uri}\n"
    measured = hls.inspect((files | {"master.m3u8": bare.encode()}).__getitem__)
    text = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    for one in measured.variants:
        average = round(one.size * 8 / one.seconds)
        peak = int(hls.peak_bps(one.segments)) + 1
        text += (
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION={SHAPES[one.uri]},"
            f'FRAME-RATE={RATE}.000,CODECS="{one.segments[0].codec}"\n{one.uri}\n'
        )
    return files | {"master.m3u8": text.encode()}


def stored(root: Path) -> Files:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*")}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Files:
    root = tmp_path_factory.mktemp("good")
    rung(root / "low", 160, 120)
    rung(root / "high", 320, 240)
    rung(root / "best", 640, 480, level="2.2")
    return announced(stored(root))


def problems(files: Files) -> str:
    return "\n".join(hls.inspect(files.__getitem__).problems)


def test_a_good_stream_breaks_no_rule(good: Files) -> None:
    facts = hls.check(good.__getitem__)

    assert [len(one.segments) for one in facts.variants] == [3, 3]


def edited(files: Files, name: str, pattern: str, by: str) -> Files:
    before = files[name].decode()
    after = re.sub(pattern, by, before, count=1)
    assert after != before
    return files | {name: after.encode()}


def both(files: Files, pattern: str, by: str) -> Files:
    return edited(edited(files, LOW, pattern, by), HIGH, pattern, by)


def swapped(files: Files, one: str, other: str) -> Files:
    return files | {one: files[other], other: files[one]}


def padded(files: Files, rung: str, packets: int) -> Files:
    """With more bits in each segment of a rung."""
    return {
        name: body + NULL_PACKET * packets if name.startswith(rung) and name.endswith(".ts") else body
        for name, body in files.items()
    }


MUTATIONS: dict[str, tuple[Callable[[Files], Files], str]] = {
    "EXTINF wrong with a consistent BANDWIDTH": (
        lambda files: announced(both(files, r"EXTINF:6\.0+", "EXTINF:5.2")),
        "EXTINF says 5.2",
    ),
    "a segment repeated in all rungs": (
        lambda files: announced(both(files, r"(#EXTINF.*\n0\.ts\n)", r"\1\1")),
        "a segment is listed twice",
    ),
    "a segment repeated under another name": (
        lambda files: (
            announced(both(files, r"1\.ts", "0b.ts") | {"low/0b.ts": files["low/0.ts"]})
            | {"high/0b.ts": files["high/0.ts"]}
        ),
        "begins -6.000 s from the end of the one before",
    ),
    "a segment missing in all rungs": (
        lambda files: announced(both(files, r"#EXTINF.*\n1\.ts\n", "")),
        "segment 1 begins +6.000 s from the end of the one before",
    ),
    "a segment missing in one rung": (
        lambda files: announced(edited(files, HIGH, r"#EXTINF.*\n2\.ts\n", "")),
        "low/playlist.m3u8: 3 segments, high/playlist.m3u8 has 2",
    ),
    "a file missing": (
        lambda files: {name: body for name, body in files.items() if name != "high/1.ts"},
        "high/1.ts: cannot be read",
    ),
    "segments out of order": (
        lambda files: announced(swapped(swapped(files, "low/0.ts", "low/1.ts"), "high/0.ts", "high/1.ts")),
        "from the end of the one before",
    ),
    "a segment of another rung": (lambda files: swapped(files, "low/1.ts", "high/1.ts"), "segment 1 is 320x240"),
    "a damaged segment": (lambda files: files | {"low/1.ts": b"nothing" * 99}, "low/1.ts: cannot be read"),
    "no CODECS": (lambda files: edited(files, "master.m3u8", r',CODECS="[^"]*"', ""), "has no CODECS"),
    "CODECS without sound": (lambda files: edited(files, "master.m3u8", ",mp4a.40.2", ""), "CODECS: no AAC"),
    "CODECS of too high a level": (
        lambda files: edited(files, "master.m3u8", r"(avc1\.\w{4})\w\w", r"\g<1>33"),
        "CODECS: profile 66 level 51 is beyond High 4.2",
    ),
    "BANDWIDTH too low": (
        lambda files: edited(files, "master.m3u8", r":BANDWIDTH=\d+", ":BANDWIDTH=9000"),
        "BANDWIDTH is 9000, measured",
    ),
    "AVERAGE-BANDWIDTH too low": (
        lambda files: edited(files, "master.m3u8", r"AVERAGE-BANDWIDTH=\d+", "AVERAGE-BANDWIDTH=900"),
        "AVERAGE-BANDWIDTH is 900",
    ),
    "no rung for cellular networks": (
        lambda files: announced(padded(files, "", 2000)),
        "no variant with a peak of at most 192000 bit/s",
    ),
    "one bit rate only": (lambda files: announced(padded(files, "high", 2000), HIGH), "1 variants of 1 bit rates"),
    "one bit rate twice": (
        lambda files: edited(
            announced(padded(files, "high", 2000)), "master.m3u8", r"(:BANDWIDTH=\d+)((?s:.*)):BANDWIDTH=\d+", r"\1\2\1"
        ),
        "2 variants of 1 bit rates",
    ),
    "a rich rung first": (
        lambda files: announced(padded(files, "best", 5000), BEST, LOW, HIGH),
        "players begin with 1",
    ),
    "the poorest rung first": (lambda files: announced(files, LOW, HIGH), "players begin with"),
    "rungs in disorder": (
        lambda files: announced(files, HIGH, BEST, LOW),
        "the variants after the first do not ascend in bit rate",
    ),
    "no ENDLIST": (lambda files: edited(files, HIGH, "#EXT-X-ENDLIST", ""), "no #EXT-X-ENDLIST"),
    "not VOD": (lambda files: edited(files, HIGH, "TYPE:VOD", "TYPE:EVENT"), "no #EXT-X-PLAYLIST-TYPE:VOD"),
    "target duration too small": (
        lambda files: edited(files, LOW, "TARGETDURATION:6", "TARGETDURATION:4"),
        "no #EXT-X-TARGETDURATION:6",
    ),
    "another aspect ratio": (lambda files: edited(files, "master.m3u8", "320x240", "320x180"), "another aspect ratio"),
    "no independent segments": (
        lambda files: edited(files, "master.m3u8", "#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
        "no #EXT-X-INDEPENDENT-SEGMENTS",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_named(good: Files, name: str) -> None:
    change, expected = MUTATIONS[name]

    assert expected in problems(change(good))


def test_what_the_worst_network_carries_needs_no_second_rate(good: Files) -> None:
    hls.check(announced(good, LOW).__getitem__)


def test_who_spares_data_begins_with_the_least(good: Files) -> None:
    sparing = announced(good, LOW, HIGH)

    assert not hls.inspect(sparing.__getitem__, saver=True).problems
    assert "players begin with" in "".join(hls.inspect(good.__getitem__, saver=True).problems)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seconds": 13}, "low/playlist.m3u8 lasts 14.000 s, high/playlist.m3u8 13.000 s"),
        ({"gop": 30}, "3.000 s without a key frame"),
        ({"gop": 15}, "segment 0 has other key frames"),
        ({"level": "5.1"}, "its bytes: profile 66 level 51 is beyond High 4.2"),
    ],
    ids=["shorter", "key frames too rare", "other key frames", "level too high"],
)
def test_a_rung_that_does_not_fit_is_named(good: Files, tmp_path: Path, changes: Any, expected: str) -> None:
    rung(tmp_path / "high", 320, 240, **changes)
    low = {name: body for name, body in good.items() if name.startswith("low")}

    assert expected in problems(announced(low | stored(tmp_path)))


def test_sound_that_is_shorter_than_the_picture_is_named(good: Files) -> None:
    muted = good | {"low/2.ts": without_sound(good["low/2.ts"], from_packet=1)}

    assert "s of sound for 14.000 s of picture" in problems(announced(muted))


def test_a_silent_segment_is_named(good: Files) -> None:
    muted = good | {"low/1.ts": without_sound(good["low/1.ts"], from_packet=0)}

    assert "segment 1 has no sound" in problems(announced(muted))


def without_sound(body: bytes, *, from_packet: int) -> bytes:
    """Drops transport packets of the second elementary stream (PID 0x101)."""
    kept, seen = [], 0
    for start, end in pairwise(range(0, len(body) + 188, 188)):
        packet = body[start:end]
        if int.from_bytes(packet[1:3], "big") & 0x1FFF == 0x101:
            seen += 1
            if seen > from_packet:
                continue
        kept.append(packet)
    return b"".join(kept)
