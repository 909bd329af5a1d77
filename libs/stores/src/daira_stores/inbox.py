"""What a service remembers of the events it handled."""

from uuid import UUID

from daira_stores.work import Work


async def was_handled(work: Work, event_id: UUID, handler: str) -> bool:
    """Whether the handler of that name took this event; rows older than the inbox's keeping are forgotten."""
    return await work.one("SELECT FROM inbox WHERE event_id = %s AND handler = %s", (event_id, handler)) is not None
