"""Slow work of media: renditions, unfinished joins, expiry, erasure of bytes."""

from uuid import UUID

from daira_audience import RENEWING
from daira_bus.jobs import Job, job
from daira_kit.errors import Unavailable
from daira_media.errors import UploadBusy
from daira_media.service.exports import DROP_PARTS, END, PACK
from daira_media.service.media import MediaService
from daira_web.cdn import ATTEMPTS, PURGE


async def make_renditions(claimed: Job, media: MediaService) -> None:
    """An image or a voice note becomes servable."""
    await media.renditions.make(UUID(claimed.key))


async def give_up_renditions(claimed: Job, error: BaseException, media: MediaService) -> None:
    """The owner is told; the reason is in the log and in the job's row."""
    await media.renditions.fail(UUID(claimed.key), "processing_failed")


async def finish_upload(claimed: Job, media: MediaService) -> None:
    """Join a full upload whose request died before it could; whoever still does is waited for."""
    try:
        await media.completing.complete(UUID(claimed.key))
    except UploadBusy as error:
        raise Unavailable from error  # costs no attempt


async def sweep_upload(claimed: Job, media: MediaService) -> None:
    """Expire an abandoned upload, with its parts in S3."""
    await media.uploads.sweep(UUID(claimed.key))


async def erase_bytes(claimed: Job, media: MediaService) -> None:
    """Bytes of an erased person go."""
    await media.assets.erase_bytes(UUID(claimed.key.partition(":")[0]))


async def pack_export(claimed: Job, media: MediaService) -> None:
    """All parts of a person's export become one archive."""
    await media.exports.pack(UUID(claimed.key))


async def give_up_export(claimed: Job, error: BaseException, media: MediaService) -> None:
    """The owner is told and may ask again; the reason is in the log and in the job's row."""
    await media.exports.fail(UUID(claimed.key), "processing_failed")


async def end_export(claimed: Job, media: MediaService) -> None:
    """An archive is kept for its time only."""
    await media.exports.end(UUID(claimed.key))


async def drop_export_parts(claimed: Job, media: MediaService) -> None:
    """Parts go once they are packed, and when nobody waits for them."""
    await media.exports.drop_parts(UUID(claimed.key))


async def purge_cdn(claimed: Job, media: MediaService) -> None:
    """Caches in front of us forget a URL that was revoked."""
    await media.purging.run(claimed.key)


JOBS = (
    job("make_renditions", make_renditions, on_dead=give_up_renditions, lease_seconds=30, concurrency=2),
    job("finish_upload", finish_upload, max_attempts=10),
    job("sweep_upload", sweep_upload, max_attempts=20),
    job(PACK, pack_export, on_dead=give_up_export, lease_seconds=60, max_attempts=10),
    job(END, end_export, max_attempts=1000),
    job(DROP_PARTS, drop_export_parts, max_attempts=1000),
    RENEWING,
    job(PURGE, purge_cdn, max_attempts=ATTEMPTS, concurrency=4),
    job("erase_bytes", erase_bytes, lease_seconds=60, max_attempts=1000),
)
