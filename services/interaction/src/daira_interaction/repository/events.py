"""Events by person and day of happening: small partitions, newest first, gone after their time."""

from asyncio import gather
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from daira_contracts.interaction import UserEventRecordedV1
from daira_interaction.domain import seconds_left
from daira_kit.clock import now
from daira_stores.cql import CqlSession

# The timestamp of a write is the moment of receipt, its life ends with the event's: whenever it is written
# again, by a redelivery or a replay, the row is the same row and ends at the same time.
PUT_EVENT = """
INSERT INTO user_event (user_id, day, happened_at, event_id, client_event_id, event_type, entity_type, entity_id,
    source, received_at, watch_time_ms, duration_ms, scroll_depth_percent, loops)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?
"""
PUT_DAY = "INSERT INTO user_event_day (user_id, day) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?"
READ_DAYS = "SELECT day FROM user_event_day WHERE user_id = ? AND day <= ? LIMIT 200"
READ_FIRST = "SELECT * FROM user_event WHERE user_id = ? AND day = ? LIMIT ?"
READ_AFTER = "SELECT * FROM user_event WHERE user_id = ? AND day = ? AND (happened_at, event_id) < (?, ?) LIMIT ?"
FIND_EVENT = "SELECT * FROM user_event WHERE user_id = ? AND day = ? AND happened_at = ? AND event_id = ?"
FIND_DAY = "SELECT day FROM user_event_day WHERE user_id = ? AND day = ?"
REMOVE_DAY = "DELETE FROM user_event WHERE user_id = ? AND day = ?"
REMOVE_DAYS = "DELETE FROM user_event_day WHERE user_id = ?"
DAY_SECONDS = 86_400
FAR = date(9999, 1, 1)
Place = tuple[UUID, date, datetime, UUID]
"""User, day, moment, event: the key of a row."""


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One row; times of watching in milliseconds."""

    event_id: UUID
    client_event_id: UUID
    event_type: str
    entity_type: str
    entity_id: UUID
    source: str
    happened_at: datetime
    received_at: datetime
    watch_time_ms: int | None
    duration_ms: int | None
    scroll_depth_percent: int | None
    loops: int | None


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a reader is: the last event seen."""

    happened_ms: int
    event_id: UUID

    @property
    def happened_at(self) -> datetime:
        """As the store writes it."""
        return datetime.fromtimestamp(self.happened_ms / 1000, tz=UTC)


class EventRepository:
    """Every write is an upsert that may be repeated."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    async def put(self, events: Iterable[UserEventRecordedV1]) -> None:
        """Store those events whose time is not over, all at once. Raises WideColumnUnavailable."""
        clock = now()
        rows = []
        days: dict[tuple[UUID, date], tuple[int, int]] = {}
        for event in events:
            left = seconds_left(event.happened_at, clock)
            if left <= 0:
                continue
            written_at = int(event.received_at.timestamp() * 1_000_000)
            place = (event.user_id, event.happened_at.astimezone(UTC).date())
            rows.append((*place, *_values(event), written_at, left))
            days[place] = max(days.get(place, (0, 0)), (written_at, left + DAY_SECONDS))  # as the store would decide
        # Both or again: events count as handled only once all is written.
        await gather(
            self._session.run_many(PUT_DAY, [(*place, *life) for place, life in days.items()]),
            self._session.run_many(PUT_EVENT, rows),
        )

    async def compare(self, events: Iterable[UserEventRecordedV1]) -> tuple[int, int]:
        """How many events a reader would find only after `put`, and how many would be other events after it.

        An event that was received again later is not expected to be what it was first: the store keeps the last.
        Raises WideColumnUnavailable.
        """
        clock = now()
        wanted: dict[Place, StoredEvent] = {}
        for event in events:
            place = (event.user_id, event.happened_at.astimezone(UTC).date(), event.happened_at, event.event_id)
            held = wanted.get(place)
            if seconds_left(event.happened_at, clock) > 0 and (held is None or held.received_at < event.received_at):
                wanted[place] = _expected(event)
        days = list(dict.fromkeys(place[:2] for place in wanted))
        listed = dict(zip(days, await gather(*(self._session.run(FIND_DAY, day) for day in days)), strict=True))
        found = await gather(*(self._session.run(FIND_EVENT, place) for place in wanted))
        missing = differing = 0
        for (place, expected), rows in zip(wanted.items(), found, strict=True):
            if not rows or not listed[place[:2]]:
                missing += 1
            elif (held := _event(rows[0])) != expected and held.received_at <= expected.received_at:
                differing += 1
        return missing, differing

    async def read(self, user_id: UUID, after: Position | None, count: int) -> list[StoredEvent]:
        """Up to `count` events, newest first, older than `after`."""
        found: list[StoredEvent] = []
        async for row in self._rows(user_id, after, count):
            found.append(_event(row))
            if len(found) == count:
                break
        return found

    async def remove(self, user_id: UUID) -> None:
        """Everything of one person."""
        days = await self._session.run(READ_DAYS, (user_id, FAR))
        await self._session.run_many(REMOVE_DAY, [(user_id, row.day) for row in days])
        await self._session.run(REMOVE_DAYS, (user_id,))

    async def _rows(self, user_id: UUID, after: Position | None, count: int) -> AsyncIterator[Any]:
        newest = after.happened_at.date() if after else FAR
        for day in [row.day for row in await self._session.run(READ_DAYS, (user_id, newest))]:
            if after is not None and day.date() == newest:
                place = (user_id, day, after.happened_at, after.event_id, count)
                rows = await self._session.run(READ_AFTER, place)
            else:
                rows = await self._session.run(READ_FIRST, (user_id, day, count))
            for row in rows:
                yield row


def position_of(event: StoredEvent) -> Position:
    """The cursor after this event."""
    since = event.happened_at - datetime(1970, 1, 1, tzinfo=UTC)
    return Position(since // timedelta(milliseconds=1), event.event_id)


def _values(event: UserEventRecordedV1) -> tuple[Any, ...]:
    about = event.metadata
    return (
        event.happened_at,
        event.event_id,
        event.client_event_id,
        event.event_type.value,
        event.entity_type.value,
        UUID(event.entity_id),
        event.source.value,
        event.received_at,
        about.watch_time_ms,
        about.duration_ms,
        about.scroll_depth_percent,
        about.loops,
    )


def _expected(event: UserEventRecordedV1) -> StoredEvent:
    """As it is read after it was written: the store knows milliseconds."""
    about = event.metadata
    return StoredEvent(
        event_id=event.event_id,
        client_event_id=event.client_event_id,
        event_type=event.event_type.value,
        entity_type=event.entity_type.value,
        entity_id=UUID(event.entity_id),
        source=event.source.value,
        happened_at=_to_ms(event.happened_at),
        received_at=_to_ms(event.received_at),
        watch_time_ms=about.watch_time_ms,
        duration_ms=about.duration_ms,
        scroll_depth_percent=about.scroll_depth_percent,
        loops=about.loops,
    )


def _to_ms(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def _event(row: Any) -> StoredEvent:
    return StoredEvent(
        event_id=row.event_id,
        client_event_id=row.client_event_id,
        event_type=row.event_type,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        source=row.source,
        happened_at=row.happened_at.replace(tzinfo=UTC),
        received_at=row.received_at.replace(tzinfo=UTC),
        watch_time_ms=row.watch_time_ms,
        duration_ms=row.duration_ms,
        scroll_depth_percent=row.scroll_depth_percent,
        loops=row.loops,
    )
