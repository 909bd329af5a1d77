"""Learns what a source is by walking all its packets and decoding one frame of each stream."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

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

_CUT_SHARE, _CUT_SECONDS = Fraction(98, 100), Fraction(1, 5)
_PACKETS_PER_SECOND = 1000  # of all streams; more is a bomb
_TRIES = 60  # packets of a stream to try before it counts as undecodable


class _Track:
    """Time stamps of one stream, in seconds, and its first decoded frame. A missing stream has neither."""

    def __init__(self, stream: VideoStream | AudioStream | None) -> None:
        self.stream = stream
        self.stamps: list[Fraction] = []
        self.end = Fraction(0)
        self.first: object = None
        self._tried = 0

    @property
    def start(self) -> Fraction:
        """Earliest time stamp."""
        return min(self.stamps)

    def heard(self, limits: Limits) -> str | None:
        """Name of the audio codec if something was decoded. Raises MediaRejected for endless sound."""
        if self.stream is None or self.first is None:
            return None
        if self.end - self.start > limits.max_seconds:
            raise MediaRejected(FailureCode.TOO_LONG, "the sound is longer than a video may be")
        return gate.codec_name(self.stream)

    def add(self, packet: "Packet[Any]") -> None:
        """Note the packet's time; try to decode while nothing was decoded yet."""
        if not packet.size:
            return
        if self._tried < _TRIES:
            # What an editor cut away is not shown, but what follows needs it to be decoded.
            self._tried += not packet.is_discard
            self.decode(packet)
        if packet.pts is not None and not packet.is_discard:
            start = packet.pts * packet.time_base
            self.stamps.append(start)
            self.end = max(self.end, start + (packet.duration or 0) * packet.time_base)

    def decode(self, packet: "Packet[Any] | None") -> None:
        """Give a packet to the decoder, or None for what it still holds; damage is no reason to stop here."""
        if self.first is not None or self.stream is None:
            return
        try:
            frames = self.stream.decode(packet)
        except av.error.FFmpegError as damage:
            gate.check_memory(damage)
            return
        self.first = frames[0] if frames else None


def probe(path: Path, limits: Limits) -> Probed:
    """Raises MediaRejected with the reason the file is not accepted."""
    with gate.open_source(path, limits) as container:
        video = gate.video_stream(container, limits)
        picture, sound = _Track(video), _Track(gate.audio_stream(container))
        _walk(container, [picture, sound], limits)
        return Probed(source=_describe(container, video, picture, sound, limits))


def _walk(container: InputContainer, tracks: Sequence[_Track], limits: Limits) -> None:
    by_index = {track.stream.index: track for track in tracks if track.stream is not None}
    most = limits.max_seconds * _PACKETS_PER_SECOND
    try:
        for count, packet in enumerate(container.demux(*[t.stream for t in by_index.values()])):
            if count > most:
                raise MediaRejected(FailureCode.TOO_DEMANDING, f"more than {most} packets")
            by_index[packet.stream.index].add(packet)
    except av.error.FFmpegError as cause:
        raise MediaRejected(FailureCode.TRUNCATED, str(cause)) from cause
    for track in by_index.values():
        track.decode(None)


def _describe(container: InputContainer, video: VideoStream, picture: _Track, sound: _Track, limits: Limits) -> Source:
    _refuse_cut(container, picture, sound)
    frame = picture.first
    if not isinstance(frame, VideoFrame):
        raise MediaRejected(FailureCode.NO_FRAMES, "no frame of the picture can be decoded")
    check_size(limits, frame.width, frame.height)
    stamps = sorted(picture.stamps)
    rate = _rate(stamps)
    start = min(stamps[0], sound.start) if sound.heard(limits) else stamps[0]
    # From the first sound, if that comes first: the picture then stands still until it begins.
    seconds = max(picture.end, stamps[-1] + 1 / rate) - start
    check_length(limits, pixels=frame.width * frame.height, frames=len(stamps), seconds=seconds)
    rotation = round(frame.rotation / 90) * 90 % 360
    width, height = _displayed(frame, video, rotation)
    check_size(limits, width, height)
    return Source(
        container=container.format.name,
        video_codec=gate.codec_name(video),
        audio_codec=sound.heard(limits),
        width=width,
        height=height,
        rotation=rotation,
        rate=standard_rate(rate),
        start=start,
        seconds=seconds,
        frames=len(stamps),
    )


def _refuse_cut(container: InputContainer, picture: _Track, sound: _Track) -> None:
    """A header that promises much more than there is means the upload was cut."""
    if not picture.stamps or picture.stream is None:
        raise MediaRejected(FailureCode.NO_FRAMES, "the picture has no packets")
    found = picture.end - picture.start
    if picture.stream.duration is not None:
        promised = picture.stream.duration * (picture.stream.time_base or Fraction(0))
    else:
        # Matroska promises for the whole file only, and counts from zero, not from its first picture.
        promised = Fraction(container.duration or 0, 1_000_000)
        found = max(picture.end, sound.end)
    if found < promised * _CUT_SHARE - _CUT_SECONDS:
        raise MediaRejected(FailureCode.TRUNCATED, f"{float(found):.1f} s of {float(promised):.1f} s are there")


def _rate(stamps: Sequence[Fraction]) -> Fraction:
    """Frames a second: the average where the rate is steady, else that of the usual distance."""
    steps = [later - earlier for earlier, later in pairwise(stamps) if later > earlier]
    if not steps:
        return Fraction(30)
    usual = 1 / median(steps)
    average = len(steps) / (stamps[-1] - stamps[0])
    return average if abs(average - usual) < usual / 20 else usual


def _displayed(frame: VideoFrame, stream: VideoStream, rotation: int) -> tuple[int, int]:
    """Size with square pixels, turned upright."""
    # The container's word counts before the codec's, as in players.
    shape = stream.sample_aspect_ratio
    width = round(frame.width * shape) if shape else frame.width
    return (frame.height, width) if rotation in (90, 270) else (width, frame.height)
