"""Profiles as their owner edits them and as others read them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_user.domain import handles, relations
from daira_user.domain.profiles import Picture, PictureState, Profile
from daira_user.domain.texts import clean_interests, clean_line, clean_text
from daira_user.errors import (
    HandleChangedTooOften,
    HandleInvalid,
    HandleReserved,
    HandleTaken,
    MediaNotFound,
    MediaNotUsable,
    PersonNotFound,
    ProfileChanged,
)
from daira_user.repository import handles as handle_rows
from daira_user.repository import pictures, views
from daira_user.repository import profiles as rows
from daira_user.repository.views import Seen
from daira_user.service.events import tell_profile
from daira_user.service.fresh import find_fresh

OPEN_REQUESTS = "open-requests"
JUDGED = ("display_name", "bio", "handle")
"""What moderation has an opinion on."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; UNSET leaves a field as it is. `avatar_media_id` None takes the picture away."""

    handle: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    bio: str | UnsetType = UNSET
    avatar_media_id: UUID | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    interests: list[str] | UnsetType = UNSET


class Profiles:
    """Reads check visibility; edits are one transaction with their event."""

    def __init__(self, database: Database, *, secret: str, hold: timedelta, changes: int) -> None:
        """At most `changes` of the handle within `hold`, for which a handle given up is kept for its owner."""
        self._database, self._secret, self._hold, self._changes = database, secret, hold, changes

    async def own(self, user_id: UUID) -> Seen:
        """One's own profile. Raises NotYetVisible just after the first log-in, PersonNotFound after an erasure."""

        async def look() -> Seen | None:
            async with self._database.read() as work:
                return await views.see(work, user_id, user_id)

        return _existing(await find_fresh(user_id, look))

    async def show(self, reader: UUID, user_id: UUID) -> Seen:
        """Somebody's profile. Raises PersonNotFound, also when they block the reader, and NotYetVisible."""

        async def look() -> Seen | None:
            async with self._database.read() as work:
                return await views.see(work, reader, user_id)

        return _visible(await find_fresh(user_id, look))

    async def show_by_handle(self, reader: UUID, typed: str) -> Seen:
        """The person with this handle, however it is typed. Raises PersonNotFound."""
        async with self._database.read() as work:
            return _visible(await views.see_by_key(work, reader, handles.key_of(handles.normal(typed))))

    async def edit(self, user_id: UUID, edit: Edit, is_current: Callable[[Seen], bool]) -> Seen:
        """Change one's own profile; nothing is told when nothing changed.

        `is_current` says whether the profile is the one the caller read. Raises ProfileChanged, HandleInvalid,
        HandleReserved, HandleTaken, HandleChangedTooOften, MediaNotFound, MediaNotUsable.
        """
        await self.own(user_id)
        await self._await_picture(edit.avatar_media_id)
        async with self._database.work() as work:
            picture = await _picture(work, user_id, edit.avatar_media_id)
            before = await rows.lock(work, user_id)
            if before is None:
                raise PersonNotFound
            if not is_current(_existing(await views.see(work, user_id, user_id))):
                raise ProfileChanged
            after = _edited(before, edit, picture)
            if isinstance(edit.handle, str):
                after = await self._with_handle(work, before, after, edit.handle)
            if after != before:
                after = _numbered(before, after, now())
                await rows.write(work, after)
                await tell_profile(work, after)
            if before.is_private and not after.is_private:
                await work.enqueue(OPEN_REQUESTS, str(user_id))
            return _existing(await views.see(work, user_id, user_id))

    async def _await_picture(self, media_id: UUID | UnsetType | None) -> None:
        """A picture uploaded a moment ago may be on its way; nothing is held open while waiting."""
        if isinstance(media_id, UUID):

            async def look() -> Picture | None:
                async with self._database.read() as work:
                    return await pictures.find(work, media_id)

            await find_fresh(media_id, look)

    async def _with_handle(self, work: Work, before: Profile, after: Profile, typed: str) -> Profile:
        handle = handles.normal(typed)
        if handle == before.handle:
            return after
        if not handles.is_valid(handle):
            raise HandleInvalid(errors=_field("handle", "invalid"))
        if handles.is_reserved(handle):
            raise HandleReserved(errors=_field("handle", "reserved"))
        key, at = handles.key_of(handle), now()
        await handle_rows.lock_key(work, key)
        if await handle_rows.owner(work, key) not in (None, before.user_id):
            raise HandleTaken(errors=_field("handle", "taken"))
        if await handle_rows.is_held(work, handles.digest(key, self._secret), before.user_id, at):
            raise HandleTaken(errors=_field("handle", "taken"))
        if await handle_rows.count_changes(work, before.user_id, at - self._hold) >= self._changes:
            raise HandleChangedTooOften
        former = handles.digest(before.handle_key, self._secret)
        await handle_rows.put_change(work, before.user_id, before.handle, at)
        await handle_rows.hold(work, former, before.user_id, at + self._hold)
        return replace(after, handle=handle, handle_key=key)


async def _picture(work: Work, user_id: UUID, media_id: UUID | UnsetType | None) -> Picture | None:
    if not isinstance(media_id, UUID):
        return None
    picture = await pictures.share(work, media_id)
    if picture is None or picture.owner_id != user_id:
        raise MediaNotFound(errors=_field("avatarMediaId", "not found"))
    if picture.state is PictureState.FAILED:
        raise MediaNotUsable(errors=_field("avatarMediaId", "not usable"))
    return picture


def _edited(before: Profile, edit: Edit, picture: Picture | None) -> Profile:
    """Everything but the handle, cleaned."""
    cleaners: dict[str, Callable[..., object]] = {
        "display_name": clean_line,
        "bio": clean_text,
        "interests": clean_interests,
        "locale": str,
        "is_private": bool,
    }
    values = {name: getattr(edit, name) for name in cleaners}
    changes = {name: cleaners[name](value) for name, value in values.items() if value is not UNSET}
    if edit.avatar_media_id is not UNSET:
        changes["avatar_media_id"] = picture.media_id if picture else None
        changes["avatar_url"] = picture.url if picture else None
    return replace(before, **changes)


def _numbered(before: Profile, after: Profile, at: datetime) -> Profile:
    revision = before.revision + 1
    if any(getattr(before, name) != getattr(after, name) for name in JUDGED):
        return replace(after, revision=revision, text_revision=revision, refused_code=None, updated_at=at)
    return replace(after, revision=revision, updated_at=at)


def _field(name: str, message: str) -> list[dict[str, str]]:
    return [{"field": name, "message": message}]


def _existing(seen: Seen | None) -> Seen:
    if seen is None:
        raise PersonNotFound
    return seen


def _visible(seen: Seen | None) -> Seen:
    if seen is None or not relations.may_see_person(seen.pair):
        raise PersonNotFound
    return seen
