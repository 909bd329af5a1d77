"""Voice notes: mono AAC (plays everywhere) and Opus (smaller), at most a minute, with peaks to draw."""

from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import av
import av.error
import msgspec
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from daira_media.adapters.decoder.protocol import Made, Order, Outcome, Undecodable
from daira_media.domain.renditions import VOICE_SECONDS, VOICE_SLACK_SECONDS, WAVEFORM_PEAKS

RATE = 48_000
DEMUXERS = {"audio/mp4": "mov", "video/mp4": "mov", "video/webm": "matroska", "audio/ogg": "ogg"}
CODECS = frozenset({"aac", "opus", "vorbis", "mp3", "mp3float", "alac", "flac", "libopus"})
MOST_STREAMS = 8


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write a voice note; `bit_rate` in bit/s."""

    name: str
    container: str
    codec: Literal["aac", "libopus"]
    bit_rate: int
    content_type: str
    options: dict[str, str] = {}


FORMS = (
    Form(
        name="voice.m4a",
        container="ipod",
        codec="aac",
        bit_rate=48_000,
        content_type="audio/mp4",
        options={"movflags": "+faststart"},
    ),
    Form(name="voice.ogg", container="ogg", codec="libopus", bit_rate=24_000, content_type="audio/ogg"),
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}


def make_voice(order: Order) -> Outcome:
    """Both files and the peaks. Raises Undecodable."""
    try:
        samples = _decode(order)
        if len(samples) == 0:
            raise Undecodable("voice_empty")
        return Outcome(
            files=tuple(_write(Path(order.folder), samples, form) for form in FORMS),
            duration_ms=len(samples) * 1000 // RATE,
            waveform=_peaks(samples),
        )
    except av.error.FFmpegError as error:
        raise Undecodable("voice_broken") from error
    except MemoryError as error:
        raise Undecodable("voice_too_long") from error


def _decode(order: Order) -> "array[int]":
    """Mono 16-bit samples at 48 kHz, at most VOICE_SECONDS of them (a minute is 5.5 MB)."""
    limit = VOICE_SECONDS * RATE
    samples: array[int] = array("h")
    source = av.open(
        order.source, format=DEMUXERS[order.content_type], container_options=OPEN_OPTIONS, metadata_errors="ignore"
    )
    with source:
        for frame in _mono(source, _audio_stream(source)):
            samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
            if len(samples) > limit + VOICE_SLACK_SECONDS * RATE:
                raise Undecodable("voice_too_long")
    return samples[:limit]


def _audio_stream(source: InputContainer) -> AudioStream:
    if len(source.streams) > MOST_STREAMS or not source.streams.audio:
        raise Undecodable("voice_without_sound")
    stream = source.streams.audio[0]
    if stream.codec_context.name not in CODECS:
        raise Undecodable("voice_codec_not_accepted")
    return stream


def _mono(source: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in source.decode(stream):
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _write(folder: Path, samples: "array[int]", form: Form) -> Made:
    with av.open(str(folder / form.name), "w", format=form.container, options=form.options) as output:
        stream = output.add_stream(form.codec, rate=RATE, layout="mono")
        stream.bit_rate = form.bit_rate
        _encode(output, stream, samples)
    return Made(name=form.name, content_type=form.content_type)


def _encode(output: OutputContainer, stream: AudioStream, samples: "array[int]") -> None:
    fifo, resampler = AudioFifo(), AudioResampler(format=stream.codec_context.format, layout="mono", rate=RATE)
    frame = AudioFrame(format="s16", layout="mono", samples=len(samples))
    frame.planes[0].update(_padded(samples.tobytes(), frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts = RATE, 0
    fifo.write(frame)
    stream.codec_context.open()
    for piece in _pieces(fifo, stream.codec_context.frame_size or 1024):
        for ready in resampler.resample(piece):
            output.mux(stream.encode(ready))
    output.mux(stream.encode(None))


def _pieces(fifo: AudioFifo, size: int) -> Iterator[AudioFrame]:
    while True:
        piece = fifo.read(size, partial=True)
        if piece is None:
            return
        yield piece


def _padded(data: bytes, size: int) -> bytes:
    return data.ljust(size, b"\0")


def _peaks(samples: "array[int]") -> tuple[int, ...]:
    """The loudest sample of each of WAVEFORM_PEAKS equal stretches, 0 to 100."""
    total = len(samples)
    edges = [total * index // WAVEFORM_PEAKS for index in range(WAVEFORM_PEAKS + 1)]
    return tuple(_peak(samples[low:high]) for low, high in pairwise(edges))


def _peak(stretch: "array[int]") -> int:
    return max(max(stretch), -min(stretch)) * 100 // 32768 if stretch else 0
