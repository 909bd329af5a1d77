"""Uploaded images, as media told of them."""

from typing import Any
from uuid import UUID

from daira_stores.work import Work
from daira_user.domain.profiles import Picture, PictureState


async def put(work: Work, picture: Picture) -> bool:
    """False when something newer is known."""
    cursor = await work.execute(
        """
        INSERT INTO picture (media_id, owner_id, state, url, revision) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (media_id) DO UPDATE SET state = excluded.state, url = excluded.url, revision = excluded.revision
        WHERE picture.revision < excluded.revision
        """,
        (picture.media_id, picture.owner_id, picture.state.value, picture.url, picture.revision),
    )
    return cursor.rowcount == 1


async def remove(work: Work, media_id: UUID) -> None:
    """The upload is gone."""
    await work.execute("DELETE FROM picture WHERE media_id = %s", (media_id,))


async def find(work: Work, media_id: UUID) -> Picture | None:
    """The picture as it is."""
    return _picture(await work.one("SELECT * FROM picture WHERE media_id = %s", (media_id,)))


async def share(work: Work, media_id: UUID) -> Picture | None:
    """The picture, unchanged until the transaction ends. Take it before the profile: handlers do so too."""
    return _picture(await work.one("SELECT * FROM picture WHERE media_id = %s FOR SHARE", (media_id,)))


def _picture(row: dict[str, Any] | None) -> Picture | None:
    return Picture(**{**row, "state": PictureState(row["state"])}) if row is not None else None
