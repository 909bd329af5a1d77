"""What user tells: profiles, relations between two people, settings."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, OpenEnum
from daira_contracts.exports import ExportPartWritten
from daira_kit.clock import Moment


class ProfileState(OpenEnum):
    """REMOVED profiles are shown to nobody."""

    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"
    UNKNOWN = "UNKNOWN"


class ProfileChangedV1(Event, frozen=True, kw_only=True):
    """The whole profile of a person.

    `display_name` and `bio` are what others may show: the newest text that moderation let pass. `proposed_*` is the
    owner's newest text while it may not be shown, for moderation to judge; null when nothing differs. A verdict on the
    text (name, biography, handle) names `text_revision`; 0 from writers that did not count: then it is `revision`.
    """

    topic: ClassVar[str] = "user.profile-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    state: ProfileState
    handle: str
    display_name: str
    bio: str = ""
    avatar_media_id: UUID | None = None
    avatar_url: str | None = None
    locale: str = "ar"
    is_private: bool = False
    created_at: Moment
    proposed_display_name: str | None = None
    proposed_bio: str | None = None
    text_revision: int = 0


class FollowState(OpenEnum):
    """REQUESTED waits for the owner of a private account."""

    NONE = "NONE"
    REQUESTED = "REQUESTED"
    FOLLOWING = "FOLLOWING"
    UNKNOWN = "UNKNOWN"


class RelationChangedV1(Event, frozen=True, kw_only=True):
    """All that `actor_id` holds towards `target_id`. The other direction is another key."""

    topic: ClassVar[str] = "user.relation-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("actor_id", "target_id")

    actor_id: UUID
    target_id: UUID
    follow: FollowState
    followed_at: Moment | None = None
    blocks: bool = False
    mutes: bool = False


class DataSaver(OpenEnum):
    """When the client should spare mobile data."""

    ALWAYS = "ALWAYS"
    CELLULAR = "CELLULAR"
    NEVER = "NEVER"
    UNKNOWN = "UNKNOWN"


class SettingsChangedV1(Event, frozen=True, kw_only=True):
    """A person's settings that other services act upon."""

    topic: ClassVar[str] = "user.settings-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    data_saver: DataSaver = DataSaver.CELLULAR


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that user writes."""

    topic: ClassVar[str] = "user.export-part-written.v1"


class ExportRequestedV1(Event, frozen=True, kw_only=True):
    """A person wants a copy of everything about them; `export_id` is also the id of the archive at media."""

    topic: ClassVar[str] = "user.export-requested.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    export_id: UUID
