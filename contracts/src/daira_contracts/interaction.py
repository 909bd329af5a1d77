"""What interaction tells: the stream of what people did."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, Nested, OpenEnum
from daira_contracts.exports import ExportPartWritten
from daira_kit.clock import Moment


class UserEventType(OpenEnum):
    """The ten kinds of event a client reports."""

    VIEW = "VIEW"
    WATCH = "WATCH"
    LIKE = "LIKE"
    COMMENT = "COMMENT"
    SHARE = "SHARE"
    SKIP = "SKIP"
    FOLLOW = "FOLLOW"
    SEARCH = "SEARCH"
    PROFILE_VISIT = "PROFILE_VISIT"
    NOT_INTERESTED = "NOT_INTERESTED"
    UNKNOWN = "UNKNOWN"


class EntityType(OpenEnum):
    """What the event is about. For POST and VIDEO the entity id is the post's id."""

    POST = "POST"
    VIDEO = "VIDEO"
    USER = "USER"
    UNKNOWN = "UNKNOWN"


class EventSource(OpenEnum):
    """Where in the application it happened."""

    CIRCLE = "CIRCLE"
    DISCOVER = "DISCOVER"
    SEARCH = "SEARCH"
    UNKNOWN = "UNKNOWN"


class UserEventMetadata(Nested, frozen=True, kw_only=True):
    """Numbers only: a search query or any other text never enters a topic."""

    watch_time_ms: int | None = None
    duration_ms: int | None = None
    scroll_depth_percent: int | None = None
    loops: int | None = None


class UserEventRecordedV1(Event, frozen=True, kw_only=True):
    """Somebody did something. `event_id` derives from the user and the client's id, so a repeat is the same event."""

    topic: ClassVar[str] = "interaction.user-event-recorded.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    client_event_id: UUID
    user_id: UUID
    event_type: UserEventType
    entity_type: EntityType
    entity_id: str
    source: EventSource
    happened_at: Moment
    received_at: Moment
    metadata: UserEventMetadata = UserEventMetadata()


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that interaction writes."""

    topic: ClassVar[str] = "interaction.export-part-written.v1"
