"""Profiles, and who is erased."""

from typing import Any
from uuid import UUID

import msgspec

from daira_stores.work import Work
from daira_user.domain.profiles import Profile


async def lock_person(work: Work, user_id: UUID) -> None:
    """One transaction at a time creates or erases a person, also one that has no row yet."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (str(user_id),))


async def find(work: Work, user_id: UUID) -> Profile | None:
    """The profile as it is."""
    return _profile(await work.one("SELECT * FROM profile WHERE user_id = %s", (user_id,)))


async def lock(work: Work, user_id: UUID) -> Profile | None:
    """The profile, locked until the transaction ends."""
    return _profile(await work.one("SELECT * FROM profile WHERE user_id = %s FOR UPDATE", (user_id,)))


async def share(work: Work, user_ids: list[UUID]) -> dict[UUID, bool]:
    """Who exists, and whether the account is private; neither changes until the transaction ends."""
    rows = await work.all(
        "SELECT user_id, is_private FROM profile WHERE user_id = ANY(%s) ORDER BY user_id FOR SHARE", (user_ids,)
    )
    return {row["user_id"]: row["is_private"] for row in rows}


async def put_new(work: Work, profile: Profile) -> None:
    """The person must be locked and have no profile, the handle must be locked and free."""
    await work.execute(
        """
        INSERT INTO profile (user_id, handle, handle_key, locale, created_at, updated_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (
            profile.user_id,
            profile.handle,
            profile.handle_key,
            profile.locale,
            profile.created_at,
            profile.updated_at,
        ),
    )


async def write(work: Work, profile: Profile) -> None:
    """Put every field; the row must be locked."""
    await work.execute(
        """
        UPDATE profile SET revision = %(revision)s, handle = %(handle)s, handle_key = %(handle_key)s,
            display_name = %(display_name)s, bio = %(bio)s, avatar_media_id = %(avatar_media_id)s,
            avatar_url = %(avatar_url)s, locale = %(locale)s, is_private = %(is_private)s, interests = %(interests)s,
            updated_at = %(updated_at)s, text_revision = %(text_revision)s,
            approved_display_name = %(approved_display_name)s, approved_bio = %(approved_bio)s,
            refused_code = %(refused_code)s, approved_revision = %(approved_revision)s
        WHERE user_id = %(user_id)s
        """,
        msgspec.structs.asdict(profile),
    )


async def lock_by_picture(work: Work, media_id: UUID) -> Profile | None:
    """Whose picture this is, locked until the transaction ends."""
    return _profile(await work.one("SELECT * FROM profile WHERE avatar_media_id = %s FOR UPDATE", (media_id,)))


async def remove(work: Work, user_id: UUID) -> None:
    """Delete the profile and what belongs to nobody else."""
    await work.execute("DELETE FROM profile WHERE user_id = %s", (user_id,))
    await work.execute("DELETE FROM setting WHERE user_id = %s", (user_id,))
    await work.execute("DELETE FROM picture WHERE owner_id = %s", (user_id,))
    await work.execute("DELETE FROM handle_change WHERE user_id = %s", (user_id,))


async def is_erased(work: Work, user_id: UUID) -> bool:
    """Whether the person asked to be forgotten: no event brings them back."""
    return await work.one("SELECT 1 AS yes FROM erased_person WHERE user_id = %s", (user_id,)) is not None


async def put_erased(work: Work, user_id: UUID, erased_at: object) -> bool:
    """False when this was known."""
    cursor = await work.execute(
        "INSERT INTO erased_person (user_id, erased_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, erased_at)
    )
    return cursor.rowcount == 1


def _profile(row: dict[str, Any] | None) -> Profile | None:
    return Profile(**row) if row is not None else None
