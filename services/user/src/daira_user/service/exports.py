"""A person's wish for a copy of everything the platform knows about them."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from daira_contracts.user import ExportRequestedV1
from daira_kit.ids import new_id
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_user.errors import PersonNotFound
from daira_user.repository import profiles


class Exports:
    """Every service that holds something of the person hears the wish; media makes the archive of what they write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(
        self,
        user_id: UUID,
        idempotency: IdempotencyKey | None,
        allow: Callable[[], Awaitable[None]],
        answer: Callable[[UUID], object],
    ) -> UUID:
        """Tell the wish and return the id of the archive at media. Raises PersonNotFound and what `allow` raises.

        `allow` is asked for a new wish only, not for a repeat with the same key; `answer` makes the body that a
        repeat gets too.
        """
        export_id = new_id()
        async with self._database.work(idempotency) as work:
            if not await profiles.share(work, [user_id]):
                raise PersonNotFound
            await allow()
            await work.emit(ExportRequestedV1(user_id=user_id, export_id=export_id))
            await work.answer(202, answer(export_id))
        return export_id
