"""Writes one rung: a media playlist with its transport stream segments, and perhaps the MP4 of the same packets."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daira_video.adapters.decoder.sound import SAMPLE_RATE
from daira_video.adapters.protocol import Rendered
from daira_video.domain.ladder import SEGMENT_SECONDS, Rung
from daira_video.domain.playlists import Segment, media_playlist

_BT709 = 1
_LIMITED_RANGE = 1
_AAC_LC = "mp4a.40.2"
_MUXER_LIST = "muxer.m3u8"


class RungWriter:
    """`add_audio` before the first frame; `close` writes the playlist and says what was made."""

    def __init__(self, folder: Path, rung: Rung, *, mp4: Path | None) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._rung = rung
        self._hls = _open_hls(folder)
        self._picture = _add_picture(self._hls, rung)
        self._sound = _add_sound(self._hls, rung)
        self._hls.start_encoding()
        self._mp4 = _Mp4(mp4, [self._picture, self._sound]) if mp4 is not None else None

    def write_frame(self, frame: VideoFrame | None) -> None:
        """Encode a frame of this rung's size; None drains the encoder."""
        for packet in self._picture.encode(frame):
            self._write(packet, self._picture)

    def encode_sound(self, frame: AudioFrame | None) -> "list[Packet[Any]]":
        """Packets for every rung with the same sound; None drains the encoder."""
        return list(self._sound.encode(frame))

    def write_sound(self, packet: "Packet[Any]") -> None:
        """Store a packet that this rung's or another rung's encoder made."""
        self._write(_copied(packet), self._sound)

    def close(self) -> Rendered:
        """Finish the files of this rung."""
        codec = _avc_name(self._picture.codec_context.extradata or b"")
        self._hls.close()
        if self._mp4 is not None:
            self._mp4.close()
        segments = _segments(self._folder)
        (self._folder / _MUXER_LIST).unlink()
        (self._folder / "playlist.m3u8").write_text(media_playlist(segments))
        return Rendered(
            name=self._rung.name,
            width=self._rung.width,
            height=self._rung.height,
            rate=self._rung.rate,
            codecs=f"{codec},{_AAC_LC}",
            segments=tuple(segments),
        )

    def _write(self, packet: "Packet[Any]", stream: Stream) -> None:
        copy = _copied(packet) if self._mp4 is not None else None
        packet.stream = stream
        self._hls.mux_one(packet)
        if self._mp4 is not None and copy is not None:
            self._mp4.write(copy, stream)


class _Mp4:
    """The same packets once more, with the index in front so that playback starts at once."""

    def __init__(self, path: Path, streams: Sequence[Stream]) -> None:
        options = {"movflags": "+faststart", "fflags": "+bitexact", "brand": "mp42"}
        self._container = av.open(str(path), "w", format="mp4", options=options)
        self._streams = {stream.index: self._container.add_stream_from_template(stream) for stream in streams}

    def write(self, packet: "Packet[Any]", stream: Stream) -> None:
        packet.stream = self._streams[stream.index]
        self._container.mux_one(packet)

    def close(self) -> None:
        self._container.close()


def _open_hls(folder: Path) -> OutputContainer:
    options = {
        "hls_time": str(SEGMENT_SECONDS),
        "hls_playlist_type": "vod",
        "hls_list_size": "0",
        "hls_flags": "independent_segments",
        "hls_segment_filename": str(folder / "seg_%05d.ts"),
        # Ten program tables a second are a sixth of the smallest rung; each segment starts with them anyway.
        "hls_segment_options": "pat_period=3:sdt_period=6:avoid_negative_ts=disabled",
        # Else rungs of 30 and 60 pictures a second would begin a few hundredths of a second apart.
        "avoid_negative_ts": "disabled",
        # Microseconds that sound may wait to share transport packets; one packet a frame is a third of that rung.
        "max_delay": "700000",
    }
    return av.open(str(folder / _MUXER_LIST), "w", format="hls", options=options)


def _add_picture(container: OutputContainer, rung: Rung) -> VideoStream:
    options = {
        "preset": rung.preset,
        "profile": "high",
        "maxrate": str(rung.max_bps),
        "bufsize": str(rung.buffer_bits),
        "keyint_min": str(rung.gop),
        "sc_threshold": "0",
        "flags": "+cgop",
    }
    stream = container.add_stream("libx264", rate=rung.rate, options=options)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = rung.width, rung.height, "yuv420p"
    context.time_base = 1 / Fraction(rung.rate)
    context.bit_rate = rung.video_bps
    context.gop_size = rung.gop
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED_RANGE
    context.thread_count = 1
    return stream


def _add_sound(container: OutputContainer, rung: Rung) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE)
    stream.codec_context.layout = "stereo"
    stream.codec_context.format = "fltp"
    stream.codec_context.bit_rate = rung.audio_bps
    return stream


def _copied(packet: "Packet[Any]") -> "Packet[Any]":
    copy = Packet(bytes(packet))
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    return copy


def _avc_name(extradata: bytes) -> str:
    """`avc1.PPCCLL` from the sequence parameter set that x264 announced."""
    place = extradata.index(b"\x00\x00\x01\x67") + 4
    return f"avc1.{extradata[place : place + 3].hex().upper()}"


def _segments(folder: Path) -> list[Segment]:
    """The segments as the muxer timed them, with their sizes on disk."""
    lines = (folder / _MUXER_LIST).read_text().splitlines()
    found = []
    for info, name in pairwise(lines):
        if info.startswith("#EXTINF:"):
            seconds = float(info.removeprefix("#EXTINF:").rstrip(","))
            file = Path(name).name
            found.append(Segment(file, seconds, (folder / file).stat().st_size))
    return found
