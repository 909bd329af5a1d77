"""Every event type there is, by topic."""

from collections.abc import Mapping
from types import MappingProxyType

from daira_contracts import admin, auth, feed, interaction, media, moderation, user, video
from daira_contracts._event import Event
from daira_contracts.exports import ExportPartWritten

EVENTS: Mapping[str, type[Event]] = MappingProxyType(
    {
        event.topic: event
        for event in (
            auth.SigningKeyChangedV1,
            auth.UserRegisteredV1,
            auth.SessionRevokedV1,
            auth.UserErasedV1,
            auth.StaffActionRecordedV1,
            user.ProfileChangedV1,
            user.RelationChangedV1,
            user.SettingsChangedV1,
            user.ExportRequestedV1,
            media.AssetChangedV1,
            video.VideoChangedV1,
            video.ProgressReportedV1,
            feed.PostChangedV1,
            moderation.VerdictReachedV1,
            moderation.WordlistChangedV1,
            interaction.UserEventRecordedV1,
            auth.ExportPartWrittenV1,
            user.ExportPartWrittenV1,
            media.ExportPartWrittenV1,
            video.ExportPartWrittenV1,
            feed.ExportPartWrittenV1,
            interaction.ExportPartWrittenV1,
            moderation.ExportPartWrittenV1,
            admin.OperatorActedV1,
        )
    }
)

EXPORTERS: Mapping[str, type[ExportPartWritten]] = MappingProxyType(
    {topic.partition(".")[0]: event for topic, event in EVENTS.items() if issubclass(event, ExportPartWritten)}
)
"""Who writes a part of a person's export: the services that own a topic to say so."""
