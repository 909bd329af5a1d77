"""Every event type there is, by topic."""

from collections.abc import Mapping
from types import MappingProxyType

from daira_contracts import auth, feed, interaction, media, moderation, user, video
from daira_contracts._event import Event

EVENTS: Mapping[str, type[Event]] = MappingProxyType(
    {
        event.topic: event
        for event in (
            auth.SigningKeyChangedV1,
            auth.UserRegisteredV1,
            auth.SessionRevokedV1,
            auth.UserErasedV1,
            user.ProfileChangedV1,
            user.RelationChangedV1,
            user.SettingsChangedV1,
            media.AssetChangedV1,
            video.VideoChangedV1,
            video.ProgressReportedV1,
            feed.PostChangedV1,
            moderation.VerdictReachedV1,
            moderation.WordlistChangedV1,
            interaction.UserEventRecordedV1,
        )
    }
)
