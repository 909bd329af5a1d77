"""What a service listens to: event type → handler, declared as a tuple at the bottom of handlers.py."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from daira_contracts._event import Event
from daira_stores.work import Work

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Work, Any], Awaitable[None]]
TombstoneHandler = Callable[[str, Work, Any], Awaitable[None]]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a service and what it does about it."""

    event_type: type[Event]
    handler: Handler
    tombstone: TombstoneHandler | None = None

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
