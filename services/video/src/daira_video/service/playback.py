"""Streams for players: from a playback id to bytes."""

import time
from collections import OrderedDict

import msgspec

from daira_kit.capabilities import is_capability
from daira_stores.postgres import Database
from daira_video.adapters.objects import ObjectMissing, VideoObjects
from daira_video.domain import keys
from daira_video.domain.playlists import master_playlist, saver_playlist
from daira_video.domain.videos import Rendition, Video
from daira_video.errors import PlaybackNotFound
from daira_video.repository import videos as repository
from daira_web.files import Opened, Span

_KNOWN = 10_000


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """What a playback id means."""

    video: Video
    renditions: tuple[Rendition, ...]

    def has(self, rung: str) -> bool:
        """True for a rung that is stored."""
        return any(rendition.name == rung for rendition in self.renditions)


class StoredFile:
    """A file of a stream in the bucket; see `daira_web.files.File`. Methods raise PlaybackNotFound."""

    def __init__(self, objects: VideoObjects, key: str, tag: str) -> None:
        self.tag = tag
        self.content_type = keys.content_type(key)
        self._objects, self._key = objects, key

    async def size(self) -> int:
        """In bytes."""
        try:
            return await self._objects.size(self._key)
        except ObjectMissing as gone:
            raise PlaybackNotFound from gone

    async def open(self, span: Span | None = None) -> Opened:
        """The whole, or a part."""
        try:
            found = await self._objects.open(self._key, (span.start, span.end) if span else None)
        except ObjectMissing as gone:
            raise PlaybackNotFound from gone
        return Opened(size=found.size, chunks=found.chunks)


class Playback:
    """Remembers what ids mean for a few seconds, so that a segment costs no query."""

    def __init__(
        self, database: Database, objects: VideoObjects, *, remember_seconds: float, limit_seconds: float
    ) -> None:
        self._database = database
        self._objects = objects
        self._remember, self._limit = remember_seconds, limit_seconds
        self._known: OrderedDict[str, tuple[float, Stream | None]] = OrderedDict()

    async def master(self, playback_id: str) -> str:
        """The multivariant playlist of the rungs stored so far. Raises PlaybackNotFound."""
        stream = await self._stream(playback_id)
        return master_playlist([rendition.variant() for rendition in stream.renditions])

    async def saver(self, playback_id: str) -> str:
        """The multivariant playlist of the rungs for readers who spare data. Raises PlaybackNotFound."""
        stream = await self._stream(playback_id)
        return saver_playlist([rendition.variant() for rendition in stream.renditions])

    async def playlist(self, playback_id: str, rung: str) -> str:
        """The playlist of one rung. Raises PlaybackNotFound."""
        opened = await (await self._rung_file(playback_id, rung, keys.PLAYLIST)).open()
        return b"".join([chunk async for chunk in opened.chunks]).decode()

    async def segment(self, playback_id: str, rung: str, name: str) -> StoredFile:
        """A segment. Raises PlaybackNotFound."""
        return await self._rung_file(playback_id, rung, name)

    async def file(self, playback_id: str, name: str) -> StoredFile:
        """The MP4 or a poster. Raises PlaybackNotFound."""
        stream = await self._stream(playback_id)
        there = any(r.has_mp4 for r in stream.renditions) if name == keys.MP4 else stream.video.poster is not None
        if not there:
            raise PlaybackNotFound
        return self._stored(stream, name)

    async def _rung_file(self, playback_id: str, rung: str, name: str) -> StoredFile:
        stream = await self._stream(playback_id)
        if not stream.has(rung) or not keys.is_rung_file(name):
            raise PlaybackNotFound
        return self._stored(stream, f"{rung}/{name}")

    def _stored(self, stream: Stream, name: str) -> StoredFile:
        return StoredFile(self._objects, keys.file_key(stream.video.id, name), f"{stream.video.playback_id}-{name}")

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
        if not is_capability(playback_id):
            return None
        async with self._database.read() as work:
            video = await repository.find_playback(work, playback_id, limit_seconds=self._limit)
            if video is None or not video.is_playable:
                return None
            return Stream(video=video, renditions=await repository.renditions(work, video.id))
