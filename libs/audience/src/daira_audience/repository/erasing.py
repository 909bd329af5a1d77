"""Everything that is known of a person's circle."""

from uuid import UUID

from daira_audience.repository import narrowings, people
from daira_audience.repository.shown import ShownRows
from daira_stores.work import Work


async def forget_circle(work: Work, shown: ShownRows, user_id: UUID) -> None:
    """Of a person whose erasure is remembered already (`people.put_erased`), so that late news brings nothing back."""
    await shown.remove_author(work, user_id)
    await people.remove_person(work, user_id)
    await narrowings.remove(work, user_id)
