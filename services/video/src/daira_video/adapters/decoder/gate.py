"""Opens a source only after its first bytes say what it is, with that demuxer forced and few decoders allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOMEM
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from daira_video.domain.limits import FailureCode, Limits, MediaRejected, check_size

VIDEO_CODECS = {"h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "libdav1d"}
AUDIO_CODECS = {"aac": "aac", "opus": "opus", "mp3": "mp3float"}
_DECODERS = ("h264", "hevc", "vp9", "libdav1d", "av1", "aac", "opus", "mp3", "mp3float")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_MOV_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML = b"\x1a\x45\xdf\xa3"
_HEAD = 64


def container_of(head: bytes) -> str:
    """The libav demuxer for a file beginning like this: `mov` or `matroska`. Raises MediaRejected."""
    if not head:
        raise MediaRejected(FailureCode.EMPTY, "the file has no bytes")
    if head[:4] == _EBML:
        if b"webm" in head or b"matroska" in head:
            return "matroska"
        raise MediaRejected(FailureCode.UNSUPPORTED_CONTAINER, "EBML, but neither webm nor matroska")
    if head[4:8] not in _MOV_FIRST_BOXES:
        raise MediaRejected(FailureCode.NOT_MEDIA, "neither an MP4/MOV nor a Matroska/WebM file")
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        raise MediaRejected(FailureCode.UNSUPPORTED_CONTAINER, "a still image")
    return "mov"


@contextmanager
def open_source(path: Path, limits: Limits) -> Iterator[InputContainer]:
    """Raises MediaRejected for everything that is not a readable MP4, MOV, Matroska or WebM file."""
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise MediaRejected(FailureCode.TOO_MANY_BYTES, f"{size} bytes exceed {limits.max_bytes}")
    with path.open("rb") as file:
        format_ = container_of(file.read(_HEAD))
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": "mov,matroska",
        "codec_whitelist": ",".join(_DECODERS),
    }
    try:
        container = av.open(str(path), format=format_, options=options)
    except (av.error.FFmpegError, ValueError) as cause:
        raise MediaRejected(
            FailureCode.TRUNCATED if format_ == "mov" and _is_cut(path) else FailureCode.NOT_MEDIA, str(cause)
        ) from cause
    with container:
        yield container


def video_stream(container: InputContainer, limits: Limits) -> VideoStream:
    """The picture to encode: the first that is no cover art. Raises MediaRejected."""
    if len(container.streams) > limits.max_streams:
        raise MediaRejected(FailureCode.TOO_MANY_STREAMS, f"{len(container.streams)} streams")
    if not container.streams:
        raise MediaRejected(FailureCode.TRUNCATED, "the index of the file is missing")
    moving = [s for s in container.streams.video if "attached_pic" not in str(s.disposition)]
    if not moving:
        raise MediaRejected(FailureCode.NO_VIDEO, "there is no moving picture in the file")
    stream = moving[0]
    name = codec_name(stream)
    if name not in VIDEO_CODECS:
        raise MediaRejected(FailureCode.UNSUPPORTED_CODEC, f"video codec {name}")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width and height:  # else the first frame tells
        check_size(limits, width, height)
    stream.codec_context.options = {"max_pixels": str(limits.max_edge * limits.max_edge)}
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first sound track that can be decoded. Raises MediaRejected when there are only others."""
    tracks = list(container.streams.audio)
    usable = [track for track in tracks if codec_name(track) in AUDIO_CODECS]
    if tracks and not usable:
        raise MediaRejected(FailureCode.UNSUPPORTED_CODEC, f"audio codec {codec_name(tracks[0])}")
    return usable[0] if usable else None


def check_memory(cause: Exception) -> None:
    """Raises MemoryError when libav's complaint is a lack of memory: that says nothing about the file's form."""
    if isinstance(cause, av.error.FFmpegError) and cause.errno == ENOMEM:
        raise MemoryError from cause


def codec_name(stream: VideoStream | AudioStream) -> str:
    """The codec's common name, whichever decoder is chosen for it."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _is_cut(path: Path) -> bool:
    """True when a top-level MP4 box claims more bytes than the file has."""
    size = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return False
            place += length
    return place > size
