"""What a person saw and did: told, and told back."""

from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter

from daira_interaction.errors import BrokerUnavailable, TooManyEvents, WideColumnUnavailable
from daira_interaction.repository.events import StoredEvent
from daira_interaction.routes.examples import TAKEN
from daira_interaction.schemas import EventBatch, EventMetadata, EventReceipt, EventView, RejectedEvent
from daira_interaction.service import InteractionService
from daira_interaction.settings import Settings
from daira_kit.pages import DEFAULT_LIMIT, MAX_LIMIT, Page
from daira_web.answers import problems
from daira_web.guards import signed_in
from daira_web.limits import Limiter
from daira_web.tokens import Caller

TAGS = ["interaction"]
BEARER = [{"bearer": list[str]()}]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]


@post(
    "/v1/events",
    operation_id="TrackEvents",
    responses={**TAKEN, **problems(TooManyEvents, BrokerUnavailable)},
    summary="Tell what I saw and did",
    description="202 means that the log has the accepted events on every replica. Repeat a lost batch as it was.",
    status_code=202,
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def track_events(
    data: JSONBody[EventBatch],
    caller: NamedDependency[Caller],
    interaction: NamedDependency[InteractionService],
    limiter: NamedDependency[Limiter],
    settings: NamedDependency[Settings],
) -> Response[EventReceipt]:
    limit = f"{settings.events_per_minute}/minute"
    headers = await limiter.hit(limit, "events", str(caller.user_id), cost=max(1, len(data.events)))
    accepted, refusals = await interaction.take(caller.user_id, data.events)
    rejected = [RejectedEvent(index=one.index, id=one.id, code=one.code, detail=one.detail) for one in refusals]
    return Response(EventReceipt(accepted=accepted, rejected=rejected), headers=headers)


@get(
    "/v1/users/me/events",
    operation_id="ExportMyEvents",
    responses=problems(WideColumnUnavailable),
    summary="What was recorded about me, newest first",
    guards=[signed_in],
    security=BEARER,
    tags=TAGS,
)
async def export_my_events(
    caller: NamedDependency[Caller],
    interaction: NamedDependency[InteractionService],
    cursor: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EventView]:
    page = await interaction.read(caller.user_id, cursor, limit)
    items = [_view(event) for event in page.items]
    return Page(items=items, next_cursor=page.next_cursor, has_more=page.has_more)


def _view(event: StoredEvent) -> EventView:
    return EventView(
        id=event.client_event_id,
        event_type=event.event_type,
        entity_type=event.entity_type,
        entity_id=event.entity_id,
        source=event.source,
        occurred_at=event.happened_at,
        received_at=event.received_at,
        metadata=EventMetadata(
            watch_time=_seconds(event.watch_time_ms),
            duration=_seconds(event.duration_ms),
            scroll_depth=event.scroll_depth_percent,
            loops=event.loops,
        ),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
