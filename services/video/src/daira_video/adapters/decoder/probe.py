"""Learns what a source is by walking all its packets and decoding one frame of each stream."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daira_video.adapters.decoder import gate
from daira_video.adapters.protocol import Probed
from daira_video.domain.ladder import standard_rate
from daira_video.domain.limits import FailureCode, Limits, MediaRejected, Source, check_length, check_size

_CUT_SHARE, _CUT_SECONDS = Fraction(95, 100), Fraction(1, 2)
_TRIES = 60  # packets of a stream to try before it counts as undecodable


class _Track:
    """Time stamps of one stream, in seconds, and its first decoded frame."""

    def __init__(self, stream: VideoStream | AudioStream) -> None:
        self.stream = stream
        self.stamps: list[Fraction] = []
        self.end = Fraction(0)
        self.first: av.VideoFrame | av.AudioFrame | None = None
        self.tried = 0

    def add(self, packet: Packet) -> None:
        if packet.pts is None or packet.is_discard or not packet.size:
            return
        base = packet.time_base
        start = packet.pts * base
        self.stamps.append(start)
        self.end = max(self.end, start + (packet.duration or 0) * base)
        if self.first is None and self.tried < _TRIES:
            self.tried += 1
            self._decode(packet)

    def _decode(self, packet: Packet) -> None:
        try:
            frames = self.stream.decode(packet)
        except (av.error.InvalidDataError, av.error.PatchWelcomeError):
            return
        self.first = frames[0] if frames else None

    def finish(self) -> None:
        """A decoder that waits for more frames gives what it has."""
        if self.first is None and self.stamps:
            try:
                frames = self.stream.decode(None)
            except (av.error.InvalidDataError, av.error.EOFError):
                return
            self.first = frames[0] if frames else None


def probe(path: Path, limits: Limits) -> Probed:
    """Raises MediaRejected with the reason the file is not accepted."""
    with gate.open_source(path, limits) as container:
        video = gate.video_stream(container, limits)
        audio = gate.audio_stream(container)
        picture, sound = _walk(container, video, audio, limits)
        return Probed(source=_describe(container, picture, sound, limits))


def _walk(
    container: InputContainer, video: VideoStream, audio: AudioStream | None, limits: Limits
) -> tuple[_Track, _Track | None]:
    picture = _Track(video)
    sound = _Track(audio) if audio is not None else None
    tracks = {track.stream.index: track for track in (picture, sound) if track is not None}
    most = limits.max_seconds * 1000
    try:
        for count, packet in enumerate(container.demux([t.stream for t in tracks.values()])):
            if count > most:
                raise MediaRejected(FailureCode.TOO_DEMANDING, f"more than {most} packets")
            tracks[packet.stream.index].add(packet)
    except av.error.FFmpegError as cause:
        raise MediaRejected(FailureCode.TRUNCATED, str(cause)) from cause
    for track in tracks.values():
        track.finish()
    return picture, sound


def _describe(container: InputContainer, picture: _Track, sound: _Track | None, limits: Limits) -> Source:
    _refuse_cut(picture, container)
    frame = picture.first
    if not isinstance(frame, VideoFrame):
        raise MediaRejected(FailureCode.NO_FRAMES, "no frame of the picture can be decoded")
    check_size(limits, frame.width, frame.height)
    stamps = sorted(picture.stamps)
    rate = _rate(stamps)
    seconds = max(picture.end - stamps[0], stamps[-1] - stamps[0] + 1 / rate)
    check_length(limits, pixels=frame.width * frame.height, frames=len(stamps), seconds=seconds)
    heard = sound is not None and sound.first is not None
    if heard and sound is not None and sound.end - min(sound.stamps) > limits.max_seconds:
        raise MediaRejected(FailureCode.TOO_LONG, "the sound is longer than a video may be")
    starts = [stamps[0], *([min(sound.stamps)] if heard and sound is not None else [])]
    rotation = round(frame.rotation / 90) * 90 % 360
    width, height = _displayed(frame, picture.stream.codec_context.sample_aspect_ratio, rotation)
    return Source(
        container=container.format.name,
        video_codec=picture.stream.codec_context.codec.canonical_name,
        audio_codec=sound.stream.codec_context.codec.canonical_name if heard and sound is not None else None,
        width=width,
        height=height,
        rotation=rotation,
        rate=standard_rate(rate),
        start=min(starts),
        seconds=seconds,
        frames=len(stamps),
    )


def _refuse_cut(picture: _Track, container: InputContainer) -> None:
    """A header that promises much more picture than there is means the upload was cut."""
    declared = picture.stream.duration
    if not picture.stamps or not declared:
        if not picture.stamps:
            raise MediaRejected(FailureCode.NO_FRAMES, "the picture has no packets")
        return
    promised = declared * (picture.stream.time_base or Fraction(0))
    found = picture.end - min(picture.stamps)
    if found < promised * _CUT_SHARE - _CUT_SECONDS:
        raise MediaRejected(FailureCode.TRUNCATED, f"{float(found):.1f} s of {float(promised):.1f} s are there")


def _rate(stamps: Sequence[Fraction]) -> Fraction:
    """Frames a second: the average where the rate is steady, else that of the usual distance."""
    steps = [later - earlier for earlier, later in zip(stamps, stamps[1:], strict=False) if later > earlier]
    if not steps:
        return Fraction(30)
    usual = 1 / median(steps)
    average = len(steps) / (stamps[-1] - stamps[0])
    return average if abs(average - usual) < usual / 20 else usual


def _displayed(frame: VideoFrame, shape: Fraction | None, rotation: int) -> tuple[int, int]:
    """Size with square pixels, turned upright."""
    width = round(frame.width * shape) if shape else frame.width
    return (frame.height, width) if rotation in (90, 270) else (width, frame.height)
