"""The filter graph of a source: turned upright, constant rate from zero, one scaled output per rung."""

from collections.abc import Iterator, Sequence

import av
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daira_video.adapters.decoder.colours import to_bt709
from daira_video.domain.ladder import Rung
from daira_video.domain.limits import Source

_TURNS = {90: ("cclock",), 180: ("cclock", "cclock"), 270: ("clock",)}


class Picture:
    """Feeds every decoded frame once; what comes out belongs to a rung by its place in `rungs`."""

    def __init__(self, stream: VideoStream, source: Source, rungs: Sequence[Rung]) -> None:
        self._start = source.start
        self._graph = Graph()
        head = self._turned(self._graph.add_buffer(template=stream), source.rotation)
        head = self._then(head, "fps", f"fps={source.rate}:start_time=0:round=near")
        self._sinks = self._branches(head, source, rungs, to_bt709(stream, source))
        self._graph.configure()

    def push(self, frame: VideoFrame) -> Iterator[tuple[int, VideoFrame]]:
        """Give one decoded frame; yields (place of the rung, frame to encode). Frames without a time are lost."""
        if frame.pts is None or frame.time_base is None:
            return
        frame.pts -= int(self._start / frame.time_base)
        self._graph.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[tuple[int, VideoFrame]]:
        """The frames that were waiting for a successor."""
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[tuple[int, VideoFrame]]:
        # Rung by rung would hold back whole queues: take one frame of each in turn until all are dry.
        open_ = dict(enumerate(self._sinks))
        while open_:
            for place, sink in list(open_.items()):
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    del open_[place]
                    continue
                assert isinstance(frame, VideoFrame)
                # libx264 would copy the source's key frames, and rungs would no longer be cut alike.
                frame.pict_type = 0
                yield place, frame

    def _turned(self, head: FilterContext, rotation: int) -> FilterContext:
        for direction in _TURNS.get(rotation, ()):
            head = self._then(head, "transpose", direction)
        return head

    def _branches(
        self, head: FilterContext, source: Source, rungs: Sequence[Rung], colours: str
    ) -> list[FilterContext]:
        """Each rung is scaled from the next larger one: a third less work than from the source each time."""
        sinks: dict[int, FilterContext] = {}
        rate, pad = source.rate, 0
        for place, rung in sorted(enumerate(rungs), key=lambda pair: -pair[1].width):
            if rung.rate != rate:
                head, pad = self._then(head, "fps", f"fps={rung.rate}:start_time=0:round=near", pad), 0
                rate = rung.rate
            head = self._then(head, "scale", f"{rung.width}:{rung.height}{colours}", pad)
            colours = ""
            head = self._then(self._then(head, "format", "yuv420p"), "split", "2")
            sinks[place] = self._then(self._then(head, "setsar", "1"), "buffersink")
            pad = 1
        self._then(head, "nullsink", None, pad)
        return [sinks[place] for place in range(len(rungs))]

    def _then(self, head: FilterContext, name: str, arguments: str | None = None, pad: int = 0) -> FilterContext:
        node = self._graph.add(name, arguments)
        head.link_to(node, pad, 0)
        return node
