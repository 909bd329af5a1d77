"""What a service listens to: event type → handler, declared as a tuple at the bottom of handlers.py."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import msgspec

from daira_contracts._event import Event
from daira_stores.work import Work

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Work, Any], Awaitable[None]]
ManyHandler = Callable[[Sequence[Any], Work, Any], Awaitable[None]]
TombstoneHandler = Callable[[str, Work, Any], Awaitable[None]]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a service and what it does about it."""

    event_type: type[Event]
    handler: Handler
    tombstone: TombstoneHandler | None = None
    many: ManyHandler | None = None
    """Does at once what `handler` does with each; only the consumer's loop uses it."""

    @property
    def topic(self) -> str:
        """The topic's name without a test's prefix."""
        return self.event_type.topic

    @property
    def name(self) -> str:
        """The handler's name, which is also its inbox."""
        return getattr(self.handler, "__name__", "handler")


def on(
    event_type: type[E],
    handler: Callable[[E, Work, Any], Awaitable[None]],
    *,
    tombstone: TombstoneHandler | None = None,
) -> Subscription:
    """Call `handler(event, work, service)` for each event, inside the transaction that also holds its inbox row.

    Effects outside that transaction must be upserts carrying the event's revision. `tombstone(key, work, service)`
    is called when a key of a state topic was removed; without it tombstones are passed over.
    """
    return Subscription(event_type=event_type, handler=handler, tombstone=tombstone)


def on_batch(
    event_type: type[E],
    many: Callable[[Sequence[E], Work, Any], Awaitable[None]],
    *,
    tombstone: TombstoneHandler | None = None,
) -> Subscription:
    """As `on`, for a topic with much traffic: `many(events, work, service)` gets what waits in a partition, in order.

    Each event is in there once and none was handled before; their inbox rows are in the same transaction. A batch that
    fails is handled again one event at a time, so `many` must also bear the repetition of effects outside of it.
    Tombstones come alone, in their place. What is told in a batch of several carries neither their trace nor a cause.
    """

    @wraps(many)
    async def handler(event: E, work: Work, service: Any) -> None:
        await many([event], work, service)

    return Subscription(event_type=event_type, handler=handler, tombstone=tombstone, many=many)
