"""One video from original to ladder, in steps that each leave a row behind: begun again, it goes on from there."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from daira_kit.errors import Unavailable
from daira_observe.logs import get_logger
from daira_video.adapters.objects import ObjectMissing, VideoObjects
from daira_video.adapters.protocol import Rendered
from daira_video.adapters.sandbox import Sandbox
from daira_video.adapters.workspace import Workspace
from daira_video.domain import keys
from daira_video.domain.ladder import Rung, ladder, mp4_rung
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.limits import FailureCode, Limits, MediaRejected, Source
from daira_video.domain.playlists import average_bps, peak_bps
from daira_video.domain.videos import Poster, Rendition, Video, missing, percent
from daira_video.metrics import CORRUPT_PACKETS, STAGE_SECONDS, TRANSCODED
from daira_video.service.records import Records, Withdrawn

logger = get_logger(__name__)
_REPORT_EVERY = 1.0  # seconds between two reports of progress


class Transcoding:
    """Runs inside a claimed job; every step may run twice."""

    def __init__(
        self, records: Records, objects: VideoObjects, sandbox: Sandbox, workspace: Workspace, limits: Limits
    ) -> None:
        self._records = records
        self._objects = objects
        self._sandbox = sandbox
        self._workspace = workspace
        self._limits = limits

    async def run(self, video_id: UUID) -> None:
        """From wherever it stands to READY or FAILED.

        Raises DecoderDied and what the stores raise: the job is tried again, a bounded number of times.
        """
        try:
            video = await self._records.read(video_id)
            if not video.is_over:
                with self._workspace.folder() as folder:
                    await self._make(video, folder)
        except MediaRejected as rejected:
            logger.info("video_rejected", video_id=str(video_id), code=rejected.code.value, detail=rejected.detail)
            await self.fail(video_id, rejected.code)
        except Withdrawn:
            await self._objects.delete_prefix(keys.prefix(video_id))

    async def fail(self, video_id: UUID, code: FailureCode) -> None:
        """End a video that cannot be made; one that was removed meanwhile is left alone."""
        try:
            outcome = await self._records.fail(video_id, code)
        except Withdrawn:
            outcome = "withdrawn"
        TRANSCODED.labels(outcome).inc()

    async def _make(self, video: Video, folder: Path) -> None:
        original = await self._fetch(video, folder)
        source = await self._probe(video.id, original)
        done = await self._records.done(video.id)
        passes = [missing(source, done, first=first) for first in (True, False)]
        progress = _Progress(self._records, video.id, source, done)
        # The second pass begins at once and takes the time the first one leaves: no core is idle, and yet
        # what can be watched early is there early.
        first, second = (
            asyncio.create_task(self._encode(original, source, folder, rungs, progress, patient=place > 0))
            for place, rungs in enumerate(passes)
        )
        try:
            await self._make_poster(video.id, original, source, folder)
            await self._store(video.id, source, await first, folder)
            await self._records.reach(video.id, VideoState.PLAYABLE)
            await self._store(video.id, source, await second, folder)
            await self._records.reach(video.id, VideoState.READY)
        finally:
            # Whatever ended this ends the decoders too, before the folder goes.
            first.cancel()
            second.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
        TRANSCODED.labels("ready").inc()

    async def _fetch(self, video: Video, folder: Path) -> Path:
        if video.size_bytes > self._limits.max_bytes:
            raise MediaRejected(FailureCode.TOO_MANY_BYTES, f"{video.size_bytes} bytes")
        original = folder / "original"
        try:
            await self._objects.download(video.storage_key, original)
        except ObjectMissing as gone:
            raise MediaRejected(FailureCode.ORIGINAL_MISSING, video.storage_key) from gone
        return original

    async def _probe(self, video_id: UUID, original: Path) -> Source:
        video = await self._records.reach(video_id, VideoState.PROBING)
        if video.source is not None:
            return video.source
        with STAGE_SECONDS.labels("probe").time():
            source = await self._sandbox.probe(original)
        await self._records.reach(video_id, VideoState.PROCESSING, source=source)
        return source

    async def _make_poster(self, video_id: UUID, original: Path, source: Source, folder: Path) -> None:
        if (await self._records.read(video_id)).poster is not None:
            return
        with STAGE_SECONDS.labels("poster").time():
            made = await self._sandbox.poster(original, source, folder)
        await self._upload(video_id, folder, keys.POSTERS)
        poster = Poster(width=made.width, height=made.height, blurhash=made.blurhash)
        await self._records.note(video_id, poster=poster)

    async def _encode(
        self,
        original: Path,
        source: Source,
        folder: Path,
        rungs: tuple[Rung, ...],
        progress: "_Progress",
        *,
        patient: bool,
    ) -> tuple[Rendered, ...]:
        if not rungs:
            return ()
        mp4 = mp4_rung(ladder(source))
        with STAGE_SECONDS.labels("second" if patient else "first").time():
            encoded = await self._sandbox.encode(
                original,
                source,
                folder,
                rungs,
                mp4=mp4 if mp4 in {rung.name for rung in rungs} else None,
                patient=patient,
                report=progress.reporter(rungs),
            )
        CORRUPT_PACKETS.inc(encoded.corrupt_packets)
        return encoded.rungs

    async def _store(self, video_id: UUID, source: Source, rungs: tuple[Rendered, ...], folder: Path) -> None:
        """The row comes after the last byte: a playlist never names a segment that is not there."""
        with STAGE_SECONDS.labels("upload").time():
            for rung in rungs:
                has_mp4 = rung.name == mp4_rung(ladder(source))
                names = [f"{rung.name}/{segment.name}" for segment in rung.segments]
                await self._upload(video_id, folder, [*names, *([keys.MP4] if has_mp4 else [])])
                await self._upload(video_id, folder, [f"{rung.name}/{keys.PLAYLIST}"])
                await self._records.add(video_id, rendition(rung, has_mp4=has_mp4))

    async def _upload(self, video_id: UUID, folder: Path, names: tuple[str, ...] | list[str]) -> None:
        await self._objects.upload(
            (keys.file_key(video_id, name), folder / name, keys.content_type(name)) for name in names
        )


class _Progress:
    """How far both passes are together: at most one report a second, whole percents that only grow."""

    def __init__(self, records: Records, video_id: UUID, source: Source, done: tuple[Rendition, ...]) -> None:
        self._records = records
        self._video_id = video_id
        self._source = source
        self._parts = {one.name: 1.0 for one in done}
        self._last = (-_REPORT_EVERY, -1)
        self._telling = asyncio.Lock()

    def reporter(self, rungs: tuple[Rung, ...]) -> Callable[[float], Awaitable[None]]:
        """What a pass calls with the part (0 to 1) of `rungs` that is encoded."""

        async def report(part: float) -> None:
            self._parts |= dict.fromkeys((rung.name for rung in rungs), part)
            await self._tell(rungs)

        return report

    async def _tell(self, rungs: tuple[Rung, ...]) -> None:
        """Raises Withdrawn, which ends the transcode of a removed video."""
        async with self._telling:  # of two passes that report at once the later word must not come first
            moment = asyncio.get_running_loop().time()
            whole = percent(self._source, self._parts)
            if moment - self._last[0] < _REPORT_EVERY or whole <= self._last[1]:
                return
            self._last = (moment, whole)
            with suppress(Unavailable):  # minutes of encoding are worth more than one word on how far it is
                await self._records.report(self._video_id, whole, "+".join(rung.name for rung in rungs))


def rendition(rendered: Rendered, *, has_mp4: bool) -> Rendition:
    """A finished rung as it is remembered, with its bandwidths measured."""
    return Rendition(
        name=rendered.name,
        width=rendered.width,
        height=rendered.height,
        rate=rendered.rate,
        codecs=rendered.codecs,
        peak_bps=peak_bps(rendered.segments),
        average_bps=average_bps(rendered.segments),
        segments=len(rendered.segments),
        size_bytes=sum(segment.size for segment in rendered.segments),
        has_mp4=has_mp4,
    )
