"""A person's profile and picture."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

AVATAR_WIDTH = 160


class TextState(Enum):
    """PENDING waits for moderation: others still see what was approved before."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A person as they describe themselves, and what only they see (`locale`, `interests`).

    `text_revision` is the revision at which name, biography or handle last changed; `refused_code` says why moderation
    refused that text. Others see `approved_*`: the newest text that passed, which is that of `approved_revision`
    (0: none).
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
    approved_revision: int = 1

    @property
    def text_state(self) -> TextState:
        """How far the owner's newest text is."""
        if self.refused_code is not None:
            return TextState.REJECTED
        return TextState.APPROVED if self.approved_revision == self.text_revision else TextState.PENDING

    @property
    def shown(self) -> tuple[str, str]:
        """Name and biography as others see them."""
        return self.approved_display_name, self.approved_bio


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


def after_verdict(profile: Profile, judged: int, state: TextState, code: str = "") -> Profile:
    """The profile after moderation judged the text of revision `judged`; `code` says why, if it was REJECTED.

    PENDING is a text that waits for a person. What passed once and does not any more is shown no longer. The same
    object when the verdict is about a text that is no longer there.
    """
    if judged == profile.approved_revision and state is not TextState.APPROVED:
        profile = msgspec.structs.replace(profile, approved_display_name="", approved_bio="", approved_revision=0)
    if judged != profile.text_revision:
        return profile
    if state is not TextState.APPROVED:
        return msgspec.structs.replace(profile, refused_code=code if state is TextState.REJECTED else None)
    return msgspec.structs.replace(
        profile,
        approved_display_name=profile.display_name,
        approved_bio=profile.bio,
        approved_revision=judged,
        refused_code=None,
    )
