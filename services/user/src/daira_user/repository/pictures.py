"""Uploaded images, as media told of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from daira_stores.arrays import columns_of
from daira_stores.work import Work
from daira_user.domain.profiles import Picture, PictureState


async def put_many(work: Work, pictures: Sequence[Picture]) -> int:
    """How many were news, each at most once in `pictures`; what belongs to the erased is passed over."""
    if not pictures:
        return 0
    cursor = await work.execute(
        """
        INSERT INTO picture (media_id, owner_id, state, url, revision)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::bigint[])
            AS told (media_id, owner_id, state, url, revision)
        WHERE NOT EXISTS (SELECT FROM erased_person WHERE user_id = told.owner_id)
        ON CONFLICT (media_id) DO UPDATE SET state = excluded.state, url = excluded.url, revision = excluded.revision
        WHERE picture.revision < excluded.revision
        """,
        columns_of((one.media_id, one.owner_id, one.state.value, one.url, one.revision) for one in pictures),
    )
    return cursor.rowcount


async def remove_many(work: Work, media_ids: Sequence[UUID]) -> None:
    """The uploads are gone."""
    await work.execute("DELETE FROM picture WHERE media_id = ANY(%s)", (list(media_ids),))


async def find(work: Work, media_id: UUID) -> Picture | None:
    """The picture as it is."""
    return _picture(await work.one("SELECT * FROM picture WHERE media_id = %s", (media_id,)))


async def share(work: Work, media_id: UUID) -> Picture | None:
    """The picture, unchanged until the transaction ends. Take it before the profile: handlers do so too."""
    return _picture(await work.one("SELECT * FROM picture WHERE media_id = %s FOR SHARE", (media_id,)))


def _picture(row: dict[str, Any] | None) -> Picture | None:
    return Picture(**{**row, "state": PictureState(row["state"])}) if row is not None else None
