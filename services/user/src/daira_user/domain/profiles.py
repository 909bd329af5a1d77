"""A person's profile and picture."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

AVATAR_WIDTH = 160


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A person as others see them, and what only they see (`locale`, `interests`).

    `text_revision` is the revision at which name, biography or handle last changed: a verdict on an older one says
    nothing.
    `approved_*` is what moderation last let pass, and what a refused text falls back to.
    """

    user_id: UUID
    revision: int
    handle: str
    handle_key: str
    display_name: str = ""
    bio: str = ""
    avatar_media_id: UUID | None = None
    avatar_url: str | None = None
    locale: str = "ar"
    is_private: bool = False
    interests: list[str] = []
    created_at: datetime
    updated_at: datetime
    text_revision: int = 1
    approved_display_name: str = ""
    approved_bio: str = ""
    refused_code: str | None = None


class DataSaver(Enum):
    """When the client should spare mobile data."""

    ALWAYS = "ALWAYS"
    CELLULAR = "CELLULAR"
    NEVER = "NEVER"


class PictureState(Enum):
    """What can be done with an upload as a picture."""

    WAITING = "WAITING"
    READY = "READY"
    FAILED = "FAILED"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded image as user knows it. `url` is set once READY."""

    media_id: UUID
    owner_id: UUID
    state: PictureState
    url: str | None
    revision: int


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One size in which a picture is ready."""

    url: str
    width: int


def best_form(forms: Sequence[Form]) -> str | None:
    """The smallest that is at least AVATAR_WIDTH wide, else the widest; None without any."""
    large = [form for form in forms if form.width >= AVATAR_WIDTH]
    if large:
        return min(large, key=lambda form: form.width).url
    return max(forms, key=lambda form: form.width).url if forms else None


def after_verdict(profile: Profile, judged: int, code: str | None) -> Profile:
    """The profile after moderation judged revision `judged`; `code` is why its text was refused, None if it was not.

    The same object when the verdict is about a text that is no longer there.
    """
    if judged < profile.text_revision:
        return profile
    if code is None:
        return msgspec.structs.replace(profile, approved_display_name=profile.display_name, approved_bio=profile.bio)
    passed = (profile.approved_display_name, profile.approved_bio)
    if passed == (profile.display_name, profile.bio):
        passed = ("", "")  # what once passed is refused now
    return msgspec.structs.replace(
        profile,
        display_name=passed[0],
        bio=passed[1],
        approved_display_name=passed[0],
        approved_bio=passed[1],
        refused_code=code,
    )
