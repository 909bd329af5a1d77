"""What counts as an event: one client's claim, judged on its own, bounded by what the server knows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from daira_contracts.interaction import EntityType, EventSource, UserEventMetadata, UserEventRecordedV1, UserEventType
from daira_kit.ids import derived_id

MOST_EVENTS = 100
KEPT = timedelta(days=90)
"""How long an event is kept after it happened: the retention of its topic."""
OLDEST = timedelta(days=7)
"""A phone may have been offline that long."""
AHEAD = timedelta(minutes=5)
"""How far a phone's clock may be ahead; such an event happened when it was received."""
LONGEST_MS = 600_000
"""No video is longer than ten minutes, so nobody watched one for longer."""
MOST_LOOPS = 10_000


class Rejected(Exception):
    """One event of a batch is not taken; the others are."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the client tells it, well formed. Times of watching are in milliseconds."""

    client_event_id: UUID
    event_type: UserEventType
    entity_type: EntityType
    entity_id: UUID
    source: EventSource
    happened_at: datetime
    metadata: UserEventMetadata

    @property
    def is_about_a_post(self) -> bool:
        """For POST and VIDEO the entity id is the post's."""
        return self.entity_type in (EntityType.POST, EntityType.VIDEO)


def parse(raw: object, received_at: datetime) -> Claim:
    """Judge one element of the batch. Raises Rejected with a stable code."""
    if not isinstance(raw, dict):
        raise Rejected("event_malformed", "an event is an object")
    return Claim(
        client_event_id=_uuid(raw, "id", "id_invalid"),
        event_type=_member(UserEventType, raw, "eventType", "event_type_unknown"),
        entity_type=_member(EntityType, raw, "entityType", "entity_type_unknown"),
        entity_id=_uuid(raw, "entityId", "entity_id_invalid"),
        source=_member(EventSource, raw, "source", "source_unknown"),
        happened_at=_moment(raw, received_at),
        metadata=_metadata(raw.get("metadata")),
    )


def record(claim: Claim, user_id: UUID, received_at: datetime, duration_ms: int | None) -> UserEventRecordedV1:
    """The fact. `duration_ms` is what the server knows about the video, None when it knows nothing.

    The same person and client id always give the same event id, so a repeat is the same event.
    """
    return UserEventRecordedV1(
        event_id=derived_id("user-event", user_id, claim.client_event_id),
        occurred_at=received_at,
        client_event_id=claim.client_event_id,
        user_id=user_id,
        event_type=claim.event_type,
        entity_type=claim.entity_type,
        entity_id=str(claim.entity_id),
        source=claim.source,
        happened_at=claim.happened_at,
        received_at=received_at,
        metadata=bounded(claim.metadata, duration_ms),
    )


def bounded(claimed: UserEventMetadata, duration_ms: int | None) -> UserEventMetadata:
    """Nobody watches more of a video than there is: repeats are counted in `loops`."""
    length = duration_ms or min(claimed.duration_ms or LONGEST_MS, LONGEST_MS)
    watched = claimed.watch_time_ms
    return UserEventMetadata(
        watch_time_ms=None if watched is None else min(watched, length),
        duration_ms=duration_ms or (length if claimed.duration_ms else None),
        scroll_depth_percent=claimed.scroll_depth_percent,
        loops=claimed.loops,
    )


def seconds_left(happened_at: datetime, clock: datetime) -> int:
    """How long an event is still kept, in whole seconds; nothing or less when its time is over."""
    return int((happened_at + KEPT - clock).total_seconds())


def _uuid(raw: Mapping[str, Any], name: str, code: str) -> UUID:
    try:
        return msgspec.convert(raw.get(name), UUID)
    except msgspec.ValidationError as error:
        raise Rejected(code, f"{name} must be a UUID") from error


def _member(enum: Any, raw: Mapping[str, Any], name: str, code: str) -> Any:
    value = raw.get(name)
    known = [member.value for member in enum if member.value != "UNKNOWN"]
    if value not in known:
        raise Rejected(code, f"{name} must be one of {', '.join(known)}")
    return enum(value)


def _moment(raw: Mapping[str, Any], received_at: datetime) -> datetime:
    try:
        moment = msgspec.convert(raw.get("occurredAt"), datetime).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise Rejected("occurred_at_invalid", "occurredAt must be an RFC 3339 time") from error
    if not isinstance(raw.get("occurredAt"), str) or not _has_zone(raw["occurredAt"]):
        raise Rejected("occurred_at_invalid", "occurredAt must name its time zone")
    if moment > received_at + AHEAD:
        raise Rejected("occurred_at_in_future", "occurredAt lies in the future")
    if moment < received_at - OLDEST:
        raise Rejected("occurred_at_too_old", "occurredAt is more than seven days ago")
    return _milliseconds(min(moment, received_at))


def _has_zone(text: str) -> bool:
    return text.endswith(("Z", "z")) or text[-6:-5] in ("+", "-")


def _milliseconds(moment: datetime) -> datetime:
    """The precision of the store, so that what is read back is what was told."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _metadata(raw: object) -> UserEventMetadata:
    if raw is None:
        return UserEventMetadata()
    if not isinstance(raw, dict):
        raise Rejected("metadata_invalid", "metadata is an object")
    return UserEventMetadata(
        watch_time_ms=_scaled(raw, "watchTime", 1000, 86_400),
        duration_ms=_scaled(raw, "duration", 1000, 86_400),
        scroll_depth_percent=_scaled(raw, "scrollDepth", 1, 100),
        loops=_scaled(raw, "loops", 1, MOST_LOOPS),
    )


def _scaled(raw: Mapping[str, Any], name: str, factor: int, largest: int) -> int | None:
    """A number from 0 to `largest` in the client's unit, as a whole number in ours."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise Rejected("metadata_invalid", f"{name} must be a number")
    if not 0 <= value <= largest:
        raise Rejected("metadata_invalid", f"{name} must be between 0 and {largest}")
    return round(value * factor)
