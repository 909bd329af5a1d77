"""Requests and answers of user."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from daira_user.domain.profiles import DataSaver, TextState
from daira_user.domain.relations import Follow
from daira_user.domain.texts import BIO_LENGTH, INTEREST_LENGTH, INTERESTS, NAME_LENGTH

HandleText = Annotated[str, Meta(min_length=1, max_length=64, description="3-30 letters of one script, digits, . _")]
Interest = Annotated[str, Meta(min_length=1, max_length=INTEREST_LENGTH)]
Locale = Literal["ar", "en"]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A request: a misspelt field is refused."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A response."""


class ProfilePatch(Body, frozen=True, kw_only=True):
    """An absent field stays; `avatarMediaId: null` takes the picture away."""

    handle: HandleText | UnsetType = UNSET
    display_name: Annotated[str, Meta(max_length=NAME_LENGTH)] | UnsetType = UNSET
    bio: Annotated[str, Meta(max_length=BIO_LENGTH)] | UnsetType = UNSET
    avatar_media_id: UUID | UnsetType | None = UNSET
    locale: Locale | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    interests: Annotated[list[Interest], Meta(max_length=INTERESTS)] | UnsetType = UNSET


class SettingsPatch(Body, frozen=True, kw_only=True):
    """An absent field stays."""

    data_saver: DataSaver | UnsetType = UNSET


class OwnProfile(Answer, frozen=True, kw_only=True):
    """One's own profile, with the text as it was written last.

    While `textState` is not APPROVED, others see the name and biography that were approved before (at first none);
    `textRefused` says why moderation refused.
    """

    id: UUID
    handle: str
    display_name: str
    bio: str
    avatar_media_id: UUID | None
    avatar_url: str | None
    locale: str
    is_private: bool
    interests: list[str]
    followers_count: int
    following_count: int
    text_state: TextState
    text_refused: str | None
    created_at: datetime
    updated_at: datetime


class Viewer(Answer, frozen=True, kw_only=True):
    """How the reader and this person stand to each other."""

    state: Follow
    follows_you: bool
    asks_to_follow_you: bool
    blocks: bool
    mutes: bool


class PublicProfile(Answer, frozen=True, kw_only=True):
    """Somebody's profile, with the newest name and biography that moderation let pass; both may be empty."""

    id: UUID
    handle: str
    display_name: str
    bio: str
    avatar_url: str | None
    is_private: bool
    followers_count: int
    following_count: int
    created_at: datetime
    viewer: Viewer


class Person(Answer, frozen=True, kw_only=True):
    """A person in a list; `state` is whether the reader follows them, `since` the time of the list's fact."""

    id: UUID
    handle: str
    display_name: str
    avatar_url: str | None
    is_private: bool
    state: Follow
    since: datetime


class RelationAnswer(Answer, frozen=True, kw_only=True):
    """What is held towards the other after the request."""

    state: Follow
    blocks: bool
    mutes: bool


class FollowAnswer(Answer, frozen=True, kw_only=True):
    """Whether the one who asked follows now. What else they hold towards you is theirs to know."""

    state: Follow


class SettingsAnswer(Answer, frozen=True, kw_only=True):
    """All settings."""

    data_saver: DataSaver


class ExportAnswer(Answer, frozen=True, kw_only=True):
    """`media_id` names the archive: media tells its owner how far it is and where it can be fetched."""

    media_id: UUID
