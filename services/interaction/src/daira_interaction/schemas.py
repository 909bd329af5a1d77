"""What clients send and read."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from daira_kit.clock import Moment


class EventMetadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`watch_time` and `duration` in seconds (the first is capped by the video's length), `scroll_depth` in percent."""

    watch_time: Annotated[float, Meta(ge=0)] | None = None
    duration: Annotated[float, Meta(ge=0)] | None = None
    scroll_depth: Annotated[int, Meta(ge=0, le=100)] | None = None
    loops: Annotated[int, Meta(ge=0)] | None = None


class TrackedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event. The client makes `id`: repeating it changes nothing. `occurred_at` is by the client's clock."""

    id: UUID
    event_type: Literal[
        "VIEW", "WATCH", "LIKE", "COMMENT", "SHARE", "SKIP", "FOLLOW", "SEARCH", "PROFILE_VISIT", "NOT_INTERESTED"
    ]
    entity_type: Literal["POST", "VIDEO", "USER"]
    entity_id: UUID
    source: Literal["CIRCLE", "DISCOVER", "SEARCH"]
    occurred_at: Moment
    metadata: EventMetadata | None = None


class EventBatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Up to 100 events. Each is judged on its own, so that one bad event costs nobody the others."""

    events: list[TrackedEvent | Any]  # `Any` keeps the decoder from refusing the whole batch for one of them


class RejectedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event that was not taken, by its place in the batch (from 0) and, if it had one, its id."""

    index: int
    id: str | None
    code: str
    detail: str


class EventReceipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`accepted` events are safe: the log has them on every replica."""

    accepted: int
    rejected: list[RejectedEvent]


class EventView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event of one's own; `received_at` is the server's clock."""

    id: UUID
    event_type: str
    entity_type: str
    entity_id: UUID
    source: str
    occurred_at: Moment
    received_at: Moment
    metadata: EventMetadata
