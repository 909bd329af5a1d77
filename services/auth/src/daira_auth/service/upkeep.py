"""What expires is forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta

from daira_auth.domain.sessions import REPEAT_WINDOW
from daira_auth.repository import challenges, sessions
from daira_stores.postgres import Database

CHALLENGES_KEPT = timedelta(hours=1)
SESSIONS_KEPT = timedelta(days=7)


class Upkeep:
    """Sweeps of one service; twice changes nothing."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    async def sweep(self) -> None:
        """Numbers leave with their expired challenges, kept answers with the retry window."""
        now = self._clock()
        async with self._database.work() as work:
            await challenges.sweep(work, now - CHALLENGES_KEPT)
            await sessions.sweep(work, sealed_before=now - REPEAT_WINDOW, ended_before=now - SESSIONS_KEPT)

    async def schedule(self, kind: str, after: timedelta) -> None:
        """Ask for the next run of a recurring job."""
        async with self._database.work() as work:
            await work.enqueue(kind, "all", due_at=self._clock() + after)
