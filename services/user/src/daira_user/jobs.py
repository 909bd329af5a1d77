"""What takes longer than a handler may."""

import asyncio
from contextlib import suppress
from uuid import UUID

from daira_bus.jobs import Job, job
from daira_kit.errors import Unavailable
from daira_observe.logs import get_logger
from daira_user.service import UserService
from daira_user.service.people import FORGET
from daira_user.service.profiles import OPEN_REQUESTS

logger = get_logger(__name__)
SWEEP_SECONDS = 300.0


async def forget_relations(claimed: Job, user: UserService) -> None:
    """Remove what an erased person and others held towards each other."""
    await user.people.forget_relations(UUID(claimed.key))


async def open_requests(claimed: Job, user: UserService) -> None:
    """An account became public: who waits, follows."""
    await user.relations.open_requests(UUID(claimed.key))


async def sweep(user: UserService, stop: asyncio.Event) -> None:
    """Until `stop`: drop held handles whose time has come."""
    while not stop.is_set():
        try:
            await user.people.drop_old_holds()
        except Unavailable as error:
            logger.warning("sweep_skipped", error=repr(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SWEEP_SECONDS)


JOBS = (
    job(FORGET, forget_relations, lease_seconds=60, max_attempts=20),
    job(OPEN_REQUESTS, open_requests, lease_seconds=60, max_attempts=20),
)
