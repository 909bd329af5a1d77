"""Slow work of video: the ladder, other URLs, and the end of bytes."""

from uuid import UUID

from daira_audience import RENEWING
from daira_bus.jobs import Job, JobKind, job
from daira_video.adapters.sandbox import DecoderDied
from daira_video.domain.limits import FailureCode
from daira_video.service.video import VideoService
from daira_video.service.videos import REMOVE_BYTES, TRANSCODE
from daira_web.cdn import ATTEMPTS, PURGE

_TRIES = 4


async def transcode(claimed: Job, video: VideoService) -> None:
    """From original to ladder; a killed worker's video is continued by the next."""
    await video.transcoding.run(UUID(claimed.key))


async def give_up(claimed: Job, error: BaseException, video: VideoService) -> None:
    """The owner is told why; the rest is in the log and in the job's row."""
    code = error.code if isinstance(error, DecoderDied) else FailureCode.CRASHED
    await video.transcoding.fail(UUID(claimed.key), code)


async def remove_bytes(claimed: Job, video: VideoService) -> None:
    """Files of a removed video go."""
    await video.videos.remove_bytes(UUID(claimed.key))


async def purge_cdn(claimed: Job, video: VideoService) -> None:
    """Caches in front of us forget a URL that was revoked."""
    await video.purging.run(claimed.key)


def jobs(*, transcodes: int, lease_seconds: float) -> tuple[JobKind, ...]:
    """`transcodes` videos at once; none where decoders cannot be locked in."""
    always = (
        job(REMOVE_BYTES, remove_bytes, max_attempts=1000),
        RENEWING,
        job(PURGE, purge_cdn, max_attempts=ATTEMPTS, concurrency=4),
    )
    if not transcodes:
        return always
    making = job(
        TRANSCODE,
        transcode,
        on_dead=give_up,
        lease_seconds=lease_seconds,
        max_attempts=_TRIES,
        concurrency=transcodes,
    )
    return (making, *always)
