"""What video tells about a video after each change."""

from daira_contracts.video import Variant, VideoChangedV1
from daira_contracts.video import VideoState as ToldState
from daira_stores.work import Work
from daira_video.domain import keys
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Rendition, Video
from daira_video.repository import videos as repository


async def tell(work: Work, video: Video) -> None:
    """Emit the whole state of a video whose row is locked."""
    done = await repository.renditions(work, video.id) if video.is_playable else ()
    await work.emit(changed(video, done))
    if video.state is VideoState.REMOVED:
        await work.emit_tombstone(VideoChangedV1, VideoChangedV1.key_of(video.id))


def changed(video: Video, done: tuple[Rendition, ...]) -> VideoChangedV1:
    """The event for a state; URLs are told only while they work."""
    source = video.source
    playback = video.playback_id if video.is_playable else None
    has_mp4 = any(rendition.has_mp4 for rendition in done)
    return VideoChangedV1(
        revision=video.revision,
        video_id=video.id,
        owner_id=video.owner_id,
        state=ToldState(video.state.value),
        failure_code=video.failure_code,
        playback_id=playback,
        hls_url=keys.url(playback, keys.MASTER) if playback else None,
        saver_url=keys.url(playback, keys.SAVER) if playback else None,
        mp4_url=keys.url(playback, keys.MP4) if playback and has_mp4 else None,
        poster_url=keys.url(playback, keys.POSTERS[0]) if playback and video.poster else None,
        blurhash=video.poster.blurhash if video.poster else None,
        duration_ms=round(source.seconds * 1000) if source else 0,
        width=source.width if source else 0,
        height=source.height if source else 0,
        variants=tuple(_variant(rendition) for rendition in done),
    )


def _variant(rendition: Rendition) -> Variant:
    return Variant(
        name=rendition.name,
        width=rendition.width,
        height=rendition.height,
        bandwidth=rendition.peak_bps,
        average_bandwidth=rendition.average_bps,
        codecs=rendition.codecs,
    )
