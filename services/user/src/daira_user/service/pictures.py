"""Profile pictures: what media tells of uploads, as far as user needs it."""

from uuid import UUID

from msgspec.structs import replace

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_kit.clock import now
from daira_stores.work import Work
from daira_user.domain.profiles import Form, Picture, PictureState, best_form
from daira_user.repository import pictures, profiles
from daira_user.service.events import tell_profile

KINDS = (AssetKind.IMAGE, AssetKind.AVATAR)
STATES = {
    AssetState.UPLOADED: PictureState.WAITING,
    AssetState.PROCESSING: PictureState.WAITING,
    AssetState.UNKNOWN: PictureState.WAITING,
    AssetState.READY: PictureState.READY,
    AssetState.FAILED: PictureState.FAILED,
    AssetState.REMOVED: PictureState.FAILED,
}


class Pictures:
    """Whose pictures there are, and the address shown for them."""

    async def remember(self, work: Work, event: AssetChangedV1) -> None:
        """Keep what is newer; a profile that shows the picture gets or loses its address."""
        picture = picture_of(event)
        if picture is None:
            return
        await profiles.lock_person(work, event.owner_id)
        if await pictures.put_many(work, [picture]):
            await self.show(work, event.media_id, picture)

    async def forget(self, work: Work, media_id: UUID) -> None:
        """The upload was removed."""
        await pictures.remove_many(work, [media_id])
        await self.show(work, media_id, None)

    async def show(self, work: Work, media_id: UUID, picture: Picture | None) -> None:
        """The profile that shows it gets its newest address, or loses it."""
        profile = await profiles.lock_by_picture(work, media_id)
        if profile is None or (picture is not None and picture.owner_id != profile.user_id):
            return
        gone = picture is None or picture.state is PictureState.FAILED
        url = picture.url if picture is not None else None
        if url == profile.avatar_url and not gone:
            return
        told = replace(
            profile,
            avatar_media_id=None if gone else media_id,
            avatar_url=url,
            revision=profile.revision + 1,
            updated_at=now(),
        )
        await profiles.write(work, told)
        await tell_profile(work, told)


def picture_of(event: AssetChangedV1) -> Picture | None:
    """What user keeps of an upload; None when it is no picture."""
    if event.kind not in KINDS:
        return None
    state = STATES[event.state]
    forms = [Form(url=one.url, width=one.width) for one in event.renditions]
    return Picture(
        media_id=event.media_id,
        owner_id=event.owner_id,
        state=state,
        url=best_form(forms) if state is PictureState.READY else None,
        revision=event.revision,
    )
