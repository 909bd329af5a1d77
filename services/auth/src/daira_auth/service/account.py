"""The end of a person: a wish, days of grace, then the erasure everywhere."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from daira_auth.errors import FreshLoginNeeded
from daira_auth.repository import challenges, people, sessions
from daira_auth.service.mint import Mint
from daira_contracts.auth import UserErasedV1, UserRegisteredV1
from daira_kit.errors import NotFound
from daira_observe.logs import get_logger
from daira_stores.postgres import Database

logger = get_logger(__name__)
ERASE = "erase-person"


class AccountService:
    """A log-in within the grace takes the wish back; after it nothing does."""

    def __init__(
        self,
        database: Database,
        mint: Mint,
        *,
        grace: timedelta,
        fresh: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """`fresh`: how recently the code of the asking session must have been verified."""
        self._database, self._mint = database, mint
        self._grace, self._fresh, self._clock = grace, fresh, clock

    async def ask_erasure(self, user_id: UUID, session_id: UUID) -> datetime:
        """Schedule the erasure, end all sessions and say when it happens. Raises FreshLoginNeeded and NotFound."""
        now = self._clock()
        async with self._database.work() as work:
            person = await people.lock(work, user_id)
            session = await sessions.find(work, session_id)
            if person is None or session is None or session.user_id != user_id:
                raise NotFound
            if session.revoked_at is not None or session.authenticated_at + self._fresh < now:
                raise FreshLoginNeeded
            erases_at = person.erases_at or now + self._grace
            await people.set_erasure(work, user_id, erases_at)
            for living in await sessions.lock_living(work, user_id, now):
                await self._mint.end(work, living, "erasure_asked")
            await work.enqueue(ERASE, str(user_id), due_at=erases_at)
        logger.info("erasure_scheduled", user_id=str(user_id), erases_at=erases_at.isoformat())
        return erases_at

    async def erase(self, user_id: UUID) -> bool:
        """Forget the person if the wish still stands and its time has come; True when that happened."""
        now = self._clock()
        async with self._database.work() as work:
            person = await people.lock(work, user_id)
            if person is None or person.erases_at is None:
                return False
            if person.erases_at > now:  # the wish was renewed, or this clock is behind the database's
                await work.enqueue(ERASE, str(user_id), due_at=person.erases_at + timedelta(seconds=1))
                return False
            await challenges.forget_number(work, person.phone)
            await people.remove(work, user_id)
            await work.emit_tombstone(UserRegisteredV1, UserRegisteredV1.key_of(user_id))
            await work.emit(UserErasedV1(user_id=user_id, erased_at=now))
        logger.info("person_erased", user_id=str(user_id))
        return True
