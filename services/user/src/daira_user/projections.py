"""What user can make anew from topics."""

from collections.abc import Sequence

from daira_bus.projection import Changes, Projection, Source, Table, afterwards, by_id
from daira_contracts.media import AssetChangedV1
from daira_stores.work import Work
from daira_user.repository import pictures
from daira_user.service import UserService
from daira_user.service.pictures import picture_of


async def put_pictures(work: Work, events: Sequence[AssetChangedV1]) -> None:
    """Uploads that are pictures."""
    found = [picture_of(event) for event in events]
    await pictures.put_many(work, [picture for picture in found if picture is not None])


async def show_pictures(work: Work, user: UserService, changes: Changes) -> None:
    """Profiles get the addresses of what they show."""
    for (media_id,) in changes["picture"]:
        await user.pictures.show(work, media_id, await pictures.find(work, media_id))


PROJECTIONS = (
    Projection(
        name="user.picture",
        about="uploads that can be shown as a profile picture",
        sources=(Source(event_type=AssetChangedV1, put=put_pictures, remove=by_id(pictures.remove_many)),),
        tables=(Table(name="picture", key=("media_id",)),),
        react=afterwards(show_pictures),
    ),
)
