"""What media does when something happens elsewhere."""

from uuid import UUID

import daira_audience as audience
from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.exports import ExportPartWritten
from daira_contracts.registry import EXPORTERS
from daira_contracts.user import ExportRequestedV1
from daira_contracts.video import ProgressReportedV1, VideoChangedV1
from daira_media.service.media import MediaService
from daira_runtime.export import want_part
from daira_stores.work import Work


async def put_video_state(event: VideoChangedV1, work: Work, media: MediaService) -> None:
    """The owner reads how far the video is, and where it plays."""
    await media.assets.note_video(event, work)


async def remove_video_state(key: str, work: Work, media: MediaService) -> None:
    """The video is gone; its asset falls back to what media knows itself."""
    await media.assets.forget_video(UUID(key), work)


async def put_progress(event: ProgressReportedV1, work: Work, media: MediaService) -> None:
    """The owner reads a percentage while the ladder is made."""
    await media.assets.note_progress(event, work)


async def erase_person(event: UserErasedV1, work: Work, media: MediaService) -> None:
    """Rows, topic keys and bytes of this person go."""
    await media.assets.erase_person(event, work)


async def begin_export(event: ExportRequestedV1, work: Work, media: MediaService) -> None:
    """The archive is awaited, and media writes its own part of it like everybody else."""
    await media.exports.begin(work, event)
    await want_part(work, event)


async def note_export_part(event: ExportPartWritten, work: Work, media: MediaService) -> None:
    """With the last part the archive is packed."""
    await media.exports.note_part(work, event)


SUBSCRIPTIONS = (
    on(VideoChangedV1, put_video_state, tombstone=remove_video_state),
    on(ProgressReportedV1, put_progress),
    *audience.SUBSCRIPTIONS,
    on(UserErasedV1, erase_person),
    on(ExportRequestedV1, begin_export),
    *(on(written, note_export_part) for written in EXPORTERS.values()),
)
