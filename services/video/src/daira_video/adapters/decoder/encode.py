"""Makes several rungs in one decode of the source."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from msgspec import structs

from daira_video.adapters.decoder import gate
from daira_video.adapters.decoder.lane import Lane, OutputFailed
from daira_video.adapters.decoder.picture import Picture
from daira_video.adapters.decoder.rung import RungWriter
from daira_video.adapters.decoder.sound import Sound
from daira_video.adapters.protocol import Encode, Encoded, Rendered
from daira_video.domain.ladder import Rung
from daira_video.domain.limits import FailureCode, Limits, MediaRejected, Source, check_size
from daira_video.domain.playlists import can_be_measured, peak_bps

_CORRUPT_SHARE = 0.1
_STEP = Fraction(2, 100)
_CALMER = 2  # more attempts at a rung whose peak is too high

Report = Callable[[float], None]


class _Ladder:
    """The rungs of a job: gets pictures and sound, keeps them in step, reports how far it is."""

    def __init__(self, job: Encode, folder: Path, report: Report) -> None:
        self._report = report
        self._seconds = job.source.seconds
        self._next = _STEP
        self.corrupt = 0
        self.shown = Fraction(0)
        self.writers = [
            RungWriter(
                folder / rung.name,
                rung,
                mp4=folder / "video.mp4" if rung.name == job.mp4 else None,
            )
            for rung in job.rungs
        ]
        self._lanes = [Lane(rung.name) for rung in job.rungs]
        # Rungs with the same audio bit rate share one encoder: the first of each group encodes for all.
        by_rate = sorted(zip(job.rungs, self.writers, self._lanes, strict=True), key=lambda row: row[0].audio_bps)
        self._choirs = [list(group) for _, group in groupby(by_rate, key=lambda row: row[0].audio_bps)]

    def show(self, frames: Iterable[tuple[int, VideoFrame]]) -> None:
        """Encode what came out of the filter graph."""
        for place, frame in frames:
            self._lanes[place].do(self.writers[place].write_frame, frame)
            if place == 0:
                self.shown = Fraction(frame.pts or 0) * (frame.time_base or 0)
                self._tell()

    def play(self, frames: Iterable[AudioFrame | None]) -> None:
        """Encode sound once a bit rate; None drains."""
        for frame in frames:
            for choir in self._choirs:
                for packet in choir[0][1].encode_sound(frame):
                    for _, writer, lane in choir:
                        lane.do(writer.write_sound, packet)

    def finish(self) -> tuple[Rendered, ...]:
        """Drain all encoders and finish all files."""
        for writer, lane in zip(self.writers, self._lanes, strict=True):
            lane.do(writer.write_frame, None)
        self.play([None])
        for lane in self._lanes:
            lane.finish()
        try:
            return tuple(writer.close() for writer in self.writers)
        except (av.error.FFmpegError, OSError) as failure:
            raise OutputFailed(failure) from failure

    def _tell(self) -> None:
        done = self.shown / self._seconds
        if done >= self._next:
            self._report(min(float(done), 1.0))
            self._next = done + _STEP


def encode(job: Encode, path: Path, folder: Path, report: Report) -> Encoded:
    """Raises MediaRejected when too much of the source cannot be decoded."""
    made = _encode(job, path, folder, report)
    rungs = tuple(_kept_low(job, rung, one, path, folder) for rung, one in zip(job.rungs, made.rungs, strict=True))
    return Encoded(rungs=rungs, corrupt_packets=made.corrupt_packets)


def _kept_low(job: Encode, rung: Rung, made: Rendered, path: Path, folder: Path) -> Rendered:
    """The rung again, calmer, when its peak is above what it promises: noise goes beyond any rate control."""
    for _ in range(_CALMER):
        calmed = rung.calmed(peak_bps(made.segments)) if can_be_measured(made.segments) else None
        if calmed is None:
            break
        for segment in made.segments:
            (folder / rung.name / segment.name).unlink()
        rung = calmed
        again = structs.replace(job, rungs=(rung,), mp4=None)
        made = _encode(again, path, folder, lambda _: None).rungs[0]
    return made


def _encode(job: Encode, path: Path, folder: Path, report: Report) -> Encoded:
    with gate.open_source(path, job.terms.limits) as container:
        ladder = _Ladder(job, folder, report)
        try:
            _run(container, job, ladder)
        except (av.error.FFmpegError, ValueError) as cause:
            gate.check_memory(cause)
            # Damage that the codecs let through and the filters did not.
            raise MediaRejected(FailureCode.DECODE_FAILED, str(cause)) from cause
        return Encoded(rungs=ladder.finish(), corrupt_packets=ladder.corrupt)


def _run(container: InputContainer, job: Encode, ladder: _Ladder) -> None:
    video = gate.video_stream(container, job.terms.limits)
    audio = gate.audio_stream(container) if job.source.has_audio else None
    for stream in (video, *([audio] if audio else [])):
        stream.codec_context.thread_type = "AUTO"
    video.codec_context.thread_count = job.threads
    picture = Picture(video, job.source, job.rungs)
    sound = Sound(job.source)
    guard = _Guard(job.source, job.terms.limits)
    for packet in container.demux([s for s in (video, audio) if s is not None]):
        for frame in _decoded(packet, ladder):
            if isinstance(frame, VideoFrame):
                guard.check(frame)
                ladder.show(picture.push(frame))
            else:
                ladder.play(sound.push(frame))
        ladder.play(sound.follow(ladder.shown))
    if ladder.corrupt > job.source.frames * _CORRUPT_SHARE:
        raise MediaRejected(FailureCode.DECODE_FAILED, f"{ladder.corrupt} packets cannot be decoded")
    ladder.show(picture.finish())
    ladder.play(sound.finish())


class _Guard:
    """The probe saw the headers; frames may still lie about size and number."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._limits = limits
        self._left = source.frames + 64
        self._end = source.start + source.seconds + 1

    def check(self, frame: VideoFrame) -> None:
        """Raises MediaRejected for a frame that the probe did not announce."""
        check_size(self._limits, frame.width, frame.height)
        self._left -= 1
        late = frame.pts is not None and frame.time_base is not None and frame.pts * frame.time_base > self._end
        if self._left < 0 or late:
            raise MediaRejected(FailureCode.DECODE_FAILED, "more picture than the file announced")


def _decoded(packet: "Packet[Any]", ladder: _Ladder) -> list[VideoFrame | AudioFrame]:
    try:
        return [f for f in packet.decode() if isinstance(f, VideoFrame | AudioFrame)]
    except av.error.EOFError:
        return []
    except av.error.FFmpegError as damage:
        gate.check_memory(damage)
        ladder.corrupt += 1
        return []
