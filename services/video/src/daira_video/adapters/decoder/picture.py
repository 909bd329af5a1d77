"""The filter graph of a source: turned upright, constant rate from zero, one scaled output per rung."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import av
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from daira_video.domain.ladder import Rung
from daira_video.domain.limits import Source

_TURNS = {90: ("cclock",), 180: ("cclock", "cclock"), 270: ("clock",)}


class Picture:
    """Feeds every decoded frame once; what comes out belongs to a rung by its place in `rungs`."""

    def __init__(self, stream: VideoStream, source: Source, rungs: Sequence[Rung]) -> None:
        self._start = source.start
        self._graph = Graph()
        head = self._graph.add_buffer(template=stream)
        head = self._turned(head, source.rotation)
        rate = self._graph.add("fps", f"fps={source.rate}:start_time=0:round=near")
        head.link_to(rate)
        split = self._graph.add("split", str(len(rungs)))
        rate.link_to(split)
        self._sinks = [self._branch(split, place, rung, source) for place, rung in enumerate(rungs)]
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
            turn = self._graph.add("transpose", direction)
            head.link_to(turn)
            head = turn
        return head

    def _branch(self, split: FilterContext, place: int, rung: Rung, source: Source) -> FilterContext:
        steps = [
            self._graph.add("scale", f"{rung.width}:{rung.height}:out_color_matrix=bt709:out_range=tv"),
            self._graph.add("setsar", "1"),
            self._graph.add("format", "yuv420p"),
            self._graph.add("buffersink"),
        ]
        if rung.rate != source.rate:
            steps.insert(0, self._graph.add("fps", f"fps={rung.rate}:start_time=0:round=near"))
        split.link_to(steps[0], place, 0)
        for earlier, later in pairwise(steps):
            earlier.link_to(later)
        return steps[-1]
