"""Streams for players: from a playback id to bytes."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import msgspec

from daira_stores.postgres import Database
from daira_video.adapters.objects import ObjectMissing, VideoObjects
from daira_video.domain import keys
from daira_video.domain.playlists import master_playlist
from daira_video.domain.ranges import Span, parse_range
from daira_video.domain.videos import Rendition, Video
from daira_video.errors import PlaybackNotFound, RangeNotSatisfiable
from daira_video.repository import videos as repository

_KNOWN = 10_000


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """What a playback id means."""

    video: Video
    renditions: tuple[Rendition, ...]

    def has(self, rung: str) -> bool:
        """True for a rung that is stored."""
        return any(rendition.name == rung for rendition in self.renditions)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes to send: all `size` of them, or those of `span`."""

    size: int
    span: Span | None
    chunks: AsyncIterator[bytes]

    @property
    def length(self) -> int:
        """Bytes in this answer."""
        return self.size if self.span is None else self.span.end - self.span.start


class Playback:
    """Remembers what ids mean for a few seconds, so that a segment costs no query."""

    def __init__(self, database: Database, objects: VideoObjects, *, remember_seconds: float) -> None:
        self._database = database
        self._objects = objects
        self._remember = remember_seconds
        self._known: OrderedDict[str, tuple[float, Stream | None]] = OrderedDict()

    async def master(self, playback_id: str) -> str:
        """The multivariant playlist of the rungs stored so far. Raises PlaybackNotFound."""
        stream = await self._stream(playback_id)
        return master_playlist([rendition.variant() for rendition in stream.renditions])

    async def playlist(self, playback_id: str, rung: str) -> str:
        """The playlist of one rung. Raises PlaybackNotFound."""
        key = await self._rung_key(playback_id, rung, keys.PLAYLIST)
        try:
            found = await self._objects.open(key)
        except ObjectMissing as gone:
            raise PlaybackNotFound from gone
        return b"".join([chunk async for chunk in found.chunks]).decode()

    async def segment(self, playback_id: str, rung: str, name: str, wanted: str | None) -> File:
        """A segment, or the range of it in the header value `wanted`. Raises PlaybackNotFound."""
        return await self._file(await self._rung_key(playback_id, rung, name), wanted)

    async def file(self, playback_id: str, name: str, wanted: str | None) -> File:
        """The MP4 or a poster. Raises PlaybackNotFound."""
        stream = await self._stream(playback_id)
        there = any(r.has_mp4 for r in stream.renditions) if name == keys.MP4 else stream.video.poster is not None
        if not there:
            raise PlaybackNotFound
        return await self._file(keys.file_key(stream.video.id, name), wanted)

    async def _rung_key(self, playback_id: str, rung: str, name: str) -> str:
        stream = await self._stream(playback_id)
        if not stream.has(rung) or not keys.is_rung_file(name):
            raise PlaybackNotFound
        return keys.file_key(stream.video.id, f"{rung}/{name}")

    async def _file(self, key: str, wanted: str | None) -> File:
        try:
            span = parse_range(wanted, await self._objects.size(key)) if wanted else None
            if span is not None and span.start >= span.end:
                raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{span.end}"})
            found = await self._objects.open(key, (span.start, span.end) if span else None)
        except ObjectMissing as gone:
            raise PlaybackNotFound from gone
        return File(size=found.size, span=span, chunks=found.chunks)

    async def _stream(self, playback_id: str) -> Stream:
        moment = time.monotonic()
        until, stream = self._known.get(playback_id, (0.0, None))
        if moment >= until:
            stream = await self._look_up(playback_id)
            self._known[playback_id] = (moment + self._remember, stream)
            self._known.move_to_end(playback_id)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        if stream is None:
            raise PlaybackNotFound
        return stream

    async def _look_up(self, playback_id: str) -> Stream | None:
        if not keys.is_playback_id(playback_id):
            return None
        async with self._database.read() as work:
            video = await repository.find_playback(work, playback_id)
            if video is None or not video.is_playable:
                return None
            return Stream(video=video, renditions=await repository.renditions(work, video.id))
