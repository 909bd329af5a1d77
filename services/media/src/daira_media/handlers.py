"""What media does when something happens elsewhere."""

from uuid import UUID

from daira_bus.subscription import on
from daira_contracts.auth import UserErasedV1
from daira_contracts.exports import ExportPartWritten
from daira_contracts.feed import PostChangedV1
from daira_contracts.registry import EXPORTERS
from daira_contracts.user import ExportRequestedV1, ProfileChangedV1, RelationChangedV1
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


async def follow_post(event: PostChangedV1, work: Work, media: MediaService) -> None:
    """A narrower audience means other URLs."""
    await media.audiences.note_post(event, work)


async def forget_post(key: str, work: Work, media: MediaService) -> None:
    """A post that is gone shows nothing to anybody."""
    await media.audiences.forget_post(UUID(key), work)


async def follow_account(event: ProfileChangedV1, work: Work, media: MediaService) -> None:
    """An account that turns private means other URLs."""
    await media.circles.note_profile(event, work)


async def forget_account(key: str, work: Work, media: MediaService) -> None:
    """A profile that is gone says nothing any more."""
    await media.circles.forget_profile(UUID(key), work)


async def follow_relation(event: RelationChangedV1, work: Work, media: MediaService) -> None:
    """A follower who left means other URLs for what followers see."""
    await media.circles.note_relation(event, work)


async def forget_relation(key: str, work: Work, media: MediaService) -> None:
    """Nothing is left between the two."""
    actor, _, target = key.partition(":")
    await media.circles.forget_relation(UUID(actor), UUID(target), work)


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
    on(PostChangedV1, follow_post, tombstone=forget_post),
    on(ProfileChangedV1, follow_account, tombstone=forget_account),
    on(RelationChangedV1, follow_relation, tombstone=forget_relation),
    on(UserErasedV1, erase_person),
    on(ExportRequestedV1, begin_export),
    *(on(written, note_export_part) for written in EXPORTERS.values()),
)
