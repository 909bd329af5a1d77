"""Slow work of media: renditions, unfinished joins, expiry, erasure of bytes."""

from uuid import UUID

from daira_bus.jobs import Job, job
from daira_media.service.media import MediaService


async def make_renditions(claimed: Job, media: MediaService) -> None:
    """An image or a voice note becomes servable."""
    await media.renditions.make(UUID(claimed.key))


async def give_up_renditions(claimed: Job, error: BaseException, media: MediaService) -> None:
    """The owner is told; the reason is in the log and in the job's row."""
    await media.renditions.fail(UUID(claimed.key), "processing_failed")


async def finish_upload(claimed: Job, media: MediaService) -> None:
    """Join a full upload whose request died before it could."""
    await media.completing.complete(UUID(claimed.key))


async def sweep_upload(claimed: Job, media: MediaService) -> None:
    """Expire an abandoned upload, with its parts in S3."""
    await media.uploads.sweep(UUID(claimed.key))


async def erase_bytes(claimed: Job, media: MediaService) -> None:
    """Bytes of an erased person go."""
    await media.assets.erase_bytes(UUID(claimed.key.partition(":")[0]))


JOBS = (
    job("make_renditions", make_renditions, on_dead=give_up_renditions, lease_seconds=30, concurrency=2),
    job("finish_upload", finish_upload, max_attempts=10),
    job("sweep_upload", sweep_upload, max_attempts=20),
    job("erase_bytes", erase_bytes, lease_seconds=60, max_attempts=1000),
)
