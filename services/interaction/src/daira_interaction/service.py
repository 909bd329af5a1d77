"""Use cases: take events in, keep them, give them back, forget a person."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daira_bus.producer import Producer
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1
from daira_contracts.interaction import UserEventRecordedV1, UserEventType
from daira_contracts.video import VideoChangedV1
from daira_interaction.domain import MOST_EVENTS, Claim, Rejected, parse, record
from daira_interaction.errors import TooManyEvents
from daira_interaction.metrics import ACCEPTED, REJECTED
from daira_interaction.repository import lengths, people
from daira_interaction.repository.events import EventRepository, Position, StoredEvent, position_of
from daira_kit.clock import now
from daira_kit.cursors import CursorCodec
from daira_kit.errors import Unavailable
from daira_kit.pages import Page
from daira_stores.postgres import Database
from daira_stores.work import Work

EXPORT = "user-events"
EXPORT_PAGE = 500


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a batch that was not taken."""

    index: int
    id: str | None
    code: str
    detail: str


class InteractionService:
    """Log first: the log has an event before the client hears so; the store follows."""

    def __init__(self, database: Database, events: EventRepository, producer: Producer, cursors: CursorCodec) -> None:
        self._database, self._events, self._producer, self._cursors = database, events, producer, cursors

    async def take(self, user_id: UUID, batch: Sequence[object]) -> tuple[int, list[Refusal]]:
        """How many events the log has confirmed, and which were refused.

        Raises TooManyEvents, and BrokerUnavailable when the log does not confirm within two seconds; then the
        whole batch may be sent again.
        """
        if len(batch) > MOST_EVENTS:
            raise TooManyEvents
        received_at = now()
        claims, refusals = judge(batch, received_at)
        known = await self._known_lengths(claims)
        facts = [record(claim, user_id, received_at, known.get(claim.entity_id)) for claim in claims]
        if unique := firsts(facts):
            await self._producer.publish(*unique)
        count(facts, refusals)
        return len(facts), refusals

    async def read(self, user_id: UUID, cursor: str | None, limit: int) -> Page[StoredEvent]:
        """One's own events, newest first. Raises CursorInvalid and WideColumnUnavailable."""
        after = self._cursors.decode(EXPORT, user_id, cursor, Position) if cursor else None
        found = await self._events.read(user_id, after, limit + 1)
        items, has_more = found[:limit], len(found) > limit
        following = self._cursors.encode(EXPORT, user_id, position_of(items[-1])) if has_more else None
        return Page(items=items, next_cursor=following, has_more=has_more)

    async def collect(self, user_id: UUID) -> AsyncIterator[tuple[str, StoredEvent]]:
        """All of one's events, newest first, for an export. Raises WideColumnUnavailable."""
        after: Position | None = None
        while True:
            page = await self._events.read(user_id, after, EXPORT_PAGE)
            for event in page:
                yield "events", event
            if len(page) < EXPORT_PAGE:
                return
            after = position_of(page[-1])

    async def store(self, work: Work, events: Sequence[UserEventRecordedV1]) -> None:
        """Keep events, but of people who were erased meanwhile."""
        await self._events.put(await self._kept(work, events))

    async def compare(self, work: Work, events: Sequence[UserEventRecordedV1]) -> tuple[int, int]:
        """How many rows `store` would add and how many it would change. Raises WideColumnUnavailable."""
        return await self._events.compare(await self._kept(work, events))

    async def erase(self, work: Work, event: UserErasedV1) -> None:
        """Drop a person's events, now and whenever one comes again."""
        await people.put_erased(work, event.user_id, event.erased_at)
        await self._events.remove(event.user_id)

    async def remember_post(self, work: Work, event: PostChangedV1) -> None:
        """Which videos a post shows."""
        await lengths.put_posts(work, [event])

    async def forget_post(self, work: Work, post_id: UUID) -> None:
        await lengths.remove_posts(work, [post_id])

    async def remember_video(self, work: Work, event: VideoChangedV1) -> None:
        await lengths.put_videos(work, [event])

    async def forget_video(self, work: Work, video_id: UUID) -> None:
        await lengths.remove_videos(work, [video_id])

    async def _kept(self, work: Work, events: Sequence[UserEventRecordedV1]) -> list[UserEventRecordedV1]:
        erased = await people.find_erased(work, {event.user_id for event in events})
        return [event for event in events if event.user_id not in erased]

    async def _known_lengths(self, claims: Sequence[Claim]) -> dict[UUID, int]:
        """Without the database events are still taken: then the client's own figure and ten minutes are the bound."""
        posts = {c.entity_id for c in claims if c.event_type is UserEventType.WATCH and c.is_about_a_post}
        if not posts:
            return {}
        with suppress(Unavailable):
            async with self._database.read() as work:
                return await lengths.find_lengths(work, sorted(posts))
        return {}


def firsts(facts: Sequence[UserEventRecordedV1]) -> list[UserEventRecordedV1]:
    """Each id once. Whoever takes events in keeps the first, or two moments of one event would be two rows."""
    found: dict[UUID, UserEventRecordedV1] = {}
    for fact in facts:
        found.setdefault(fact.event_id, fact)
    return list(found.values())


def judge(batch: Sequence[Any], received_at: datetime) -> tuple[list[Claim], list[Refusal]]:
    """Each element on its own."""
    claims: list[Claim] = []
    refusals: list[Refusal] = []
    for index, raw in enumerate(batch):
        try:
            claims.append(parse(raw, received_at))
        except Rejected as reason:
            given = raw.get("id") if isinstance(raw, dict) else None
            client_id = given[:64] if isinstance(given, str) else None
            refusals.append(Refusal(index=index, id=client_id, code=reason.code, detail=reason.detail))
    return claims, refusals


def count(facts: Sequence[UserEventRecordedV1], refusals: Sequence[Refusal]) -> None:
    for fact in facts:
        ACCEPTED.labels(fact.event_type.value).inc()
    for refusal in refusals:
        REJECTED.labels(refusal.code).inc()
