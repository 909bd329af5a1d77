"""One request and one answer of each kind, as the API document shows it."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from daira_user.domain.profiles import DataSaver
from daira_user.domain.relations import Follow
from daira_user.schemas import (
    ExportAnswer,
    FollowAnswer,
    OwnProfile,
    Person,
    ProfilePatch,
    PublicProfile,
    RelationAnswer,
    SettingsAnswer,
    SettingsPatch,
)
from daira_web.answers import example

_SHARED: Final = {
    "id": "0199a6a4-b3e3-7cf0-8a6d-1c2f0b7e4d9a",
    "handle": "salma.k",
    "displayName": "سلمى كمال",
    "bio": "قهوة وكتب",
    "avatarUrl": "/media/images/5f0c1d2e3b4a/160.webp",
    "isPrivate": False,
    "followersCount": 120,
    "followingCount": 87,
    "createdAt": "2026-10-02T18:01:12Z",
}
OWN_PROFILE: Final = example(
    200,
    OwnProfile,
    {
        **_SHARED,
        "avatarMediaId": "0199a6a7-1f00-7a11-b222-33c4d5e6f708",
        "locale": "ar",
        "interests": ["قهوة", "football"],
        "textState": "APPROVED",
        "textRefused": None,
        "updatedAt": "2026-10-05T09:30:00Z",
    },
    "Your profile",
)
PUBLIC_PROFILE: Final = example(
    200,
    PublicProfile,
    {
        **_SHARED,
        "viewer": {
            "state": "FOLLOWING",
            "followsYou": True,
            "asksToFollowYou": False,
            "blocks": False,
            "mutes": False,
        },
    },
    "The profile, and how you two stand",
)
FOLLOWING: Final = example(
    200,
    RelationAnswer,
    {"state": "REQUESTED", "blocks": False, "mutes": False},
    "REQUESTED until a private account accepts, otherwise FOLLOWING",
)
EXAMPLES: Final = (
    ProfilePatch(display_name="سلمى كمال", bio="قهوة وكتب", interests=["قهوة", "football"]),
    SettingsPatch(data_saver=DataSaver.CELLULAR),
    SettingsAnswer(data_saver=DataSaver.CELLULAR),
    Person(
        id=UUID("0199a6a4-b3e3-7cf0-8a6d-1c2f0b7e4d9a"),
        handle="salma.k",
        display_name="سلمى كمال",
        avatar_url="/media/images/5f0c1d2e3b4a/160.webp",
        is_private=False,
        state=Follow.FOLLOWING,
        since=datetime(2026, 10, 5, 9, 30, tzinfo=UTC),
    ),
    RelationAnswer(state=Follow.NONE, blocks=False, mutes=False),
    FollowAnswer(state=Follow.FOLLOWING),
    ExportAnswer(media_id=UUID("0199a6a7-1f00-7a11-b222-33c4d5e6f708")),
)
"""Shown wherever one of these is taken or answered."""
