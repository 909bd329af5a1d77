"""The sound of a source: stereo at 48 kHz, silence where there is none, as long as the picture."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from daira_video.domain.limits import Source

SAMPLE_RATE = 48_000
_FRAME = 1024
_PATIENCE = 5
"""Seconds the sound may come later in the file than its picture; the muxer cuts segments without it after ten."""


class Sound:
    """Feeds decoded audio; yields frames of the size the AAC encoder wants.

    Every rung has sound: players on Apple's systems do not switch between variants with and without.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._patience = _PATIENCE if source.has_audio else 0
        self._end = int(source.seconds * SAMPLE_RATE)
        self._shape: tuple[str, str, int] | None = None
        self._graph: Graph | None = None
        self._sent = 0

    def push(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Give one decoded frame; a change of format in mid-stream starts a new graph."""
        if frame.pts is None or frame.time_base is None:
            return
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            yield from self._flush()
            self._shape, self._graph = shape, self._build(frame)
        assert self._graph is not None
        frame.pts -= int(self._source.start / frame.time_base)
        self._graph.push(frame)
        yield from self._pull(self._graph)

    def follow(self, seconds: Fraction) -> Iterator[AudioFrame]:
        """Silence up to the picture that is `seconds` from the beginning, when the sound is far behind it."""
        place = int((seconds - self._patience) * SAMPLE_RATE)
        if self._sent < place:
            yield from self._flush()
            yield from self._silence(min(place, self._end))

    def finish(self) -> Iterator[AudioFrame]:
        """The rest that waited to fill a frame, and silence until the picture ends."""
        yield from self._flush()
        yield from self._silence(self._end)

    def _flush(self) -> Iterator[AudioFrame]:
        if self._graph is None:
            return
        self._graph.push(None)
        yield from self._pull(self._graph)
        self._graph = self._shape = None

    def _silence(self, end: int) -> Iterator[AudioFrame]:
        while self._sent < end:
            frame = AudioFrame(format="fltp", layout="stereo", samples=_FRAME)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
            yield self._counted(frame)

    def _pull(self, graph: Graph) -> Iterator[AudioFrame]:
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            if self._sent < self._end:
                yield self._counted(frame)

    def _counted(self, frame: AudioFrame) -> AudioFrame:
        """Times are counted, not copied: gaps were filled, so samples are the clock."""
        frame.pts = self._sent
        self._sent += frame.samples
        return frame

    def _build(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        head = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        # first_pts puts silence before sound that begins late; async fills holes.
        clock = graph.add("aresample", f"{SAMPLE_RATE}:async=1:first_pts={self._sent}")
        form = graph.add("aformat", f"sample_fmts=fltp:sample_rates={SAMPLE_RATE}:channel_layouts=stereo")
        graph.link_nodes(head, clock, form, graph.add("abuffersink")).configure()
        graph.set_audio_frame_size(_FRAME)
        return graph
