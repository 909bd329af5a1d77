"""Chooses the best of three frames and writes it as JPEG and WebP, with a blurhash of the same picture."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import blurhash
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daira_video.adapters.decoder import gate
from daira_video.adapters.decoder.colours import to_bt709
from daira_video.adapters.protocol import Posted, Poster
from daira_video.domain.ladder import scaled
from daira_video.domain.limits import FailureCode, MediaRejected, Source

_PLACES = (Fraction(15, 100), Fraction(1, 2), Fraction(85, 100))
_SHORT_EDGE = 720
_DARK = 24.0  # mean luma (0-255) below which a frame counts as black
_TRIES = 200  # packets that may give no frame before a place is given up


def poster(job: Poster, path: Path, folder: Path) -> Posted:
    """Raises MediaRejected when no frame can be decoded."""
    with gate.open_source(path, job.terms.limits) as container:
        stream = gate.video_stream(container, job.terms.limits)
        frames = list(_candidates(container, stream, job))
        if not frames:
            raise MediaRejected(FailureCode.NO_FRAMES, "no frame for a poster")
        best = _upright(max(frames, key=_merit), stream, job.source)
    (folder / "poster.jpg").write_bytes(_still(best, "mjpeg", "yuvj420p", {"qmin": "3", "qmax": "5"}))
    (folder / "poster.webp").write_bytes(_still(best, "libwebp", "yuv420p", {"quality": "80"}))
    return Posted(width=best.width, height=best.height, blurhash=_blurhash(best))


def _candidates(container: InputContainer, stream: VideoStream, job: Poster) -> Iterator[VideoFrame]:
    source = job.source
    most = max(1, job.terms.limits.poster_pixels // (source.width * source.height))
    for place in _PLACES:
        frame = _frame_at(container, stream, source.start + source.seconds * place, most)
        if frame is not None:
            yield frame


def _frame_at(container: InputContainer, stream: VideoStream, moment: Fraction, most: int) -> VideoFrame | None:
    """The frame at a moment, in seconds; or the last before it that `most` frames from a key frame lead to."""
    found: VideoFrame | None = None
    try:
        container.seek(int(moment * 1_000_000), backward=True)
        for packet in islice(container.demux(stream), most + _TRIES):
            for frame in packet.decode():
                assert isinstance(frame, VideoFrame)
                found, most = frame, most - 1
                if most <= 0 or (frame.time is not None and frame.time >= moment):
                    return found
    except av.error.FFmpegError:
        return found
    return found


def _merit(frame: VideoFrame) -> float:
    """Sharpness (variance of the Laplacian), nothing for a black or blank frame."""
    gray = frame.reformat(width=160, height=160, format="gray").to_ndarray().astype(np.float32)
    if gray.mean() < _DARK:
        return 0.0
    edges = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    return float(edges.var())


def _upright(frame: VideoFrame, stream: VideoStream, source: Source) -> VideoFrame:
    width, height = scaled(source.width, source.height, _SHORT_EDGE)
    turns = {90: "transpose=cclock,", 180: "hflip,vflip,", 270: "transpose=clock,"}.get(source.rotation, "")
    graph = Graph()
    head = graph.add_buffer(template=stream)
    last = head
    chain = f"{turns}scale={width}:{height}{to_bt709(stream, source)},setsar=1,format=yuv420p,buffersink"
    for step in chain.split(","):
        name, _, arguments = step.partition("=")
        node = graph.add(name, arguments or None)
        last.link_to(node)
        last = node
    graph.configure()
    graph.push(frame)
    picture = last.pull()
    assert isinstance(picture, VideoFrame)
    return picture


def _still(frame: VideoFrame, codec: str, pix_fmt: str, options: dict[str, str]) -> bytes:
    picture = frame.reformat(format=pix_fmt, dst_color_range="JPEG" if pix_fmt == "yuvj420p" else None)
    picture.pict_type = 0
    picture.pts = 0
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = picture.width, picture.height, pix_fmt
    context.time_base = Fraction(1, 25)
    context.options = options
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])


def _blurhash(frame: VideoFrame) -> str:
    tall = frame.height > frame.width
    small = frame.reformat(width=32, height=32, format="rgb24").to_ndarray()
    return str(blurhash.encode(small.tolist(), components_x=3 if tall else 4, components_y=4 if tall else 3))
