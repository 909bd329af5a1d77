"""What takes longer than a handler may."""

import asyncio
from contextlib import suppress
from uuid import UUID

from daira_bus.jobs import Job, job
from daira_kit.errors import Unavailable
from daira_moderation.service import ModerationService
from daira_moderation.service.rejudging import REJUDGE, Place
from daira_moderation.service.verdicts import FORGET
from daira_moderation.service.wordlists import packaged
from daira_observe.logs import get_logger

logger = get_logger(__name__)
RETRY_SECONDS = 2.0


async def forget_subjects(claimed: Job, moderation: ModerationService) -> None:
    """Withdraw every verdict about an erased person."""
    await moderation.verdicts.forget_subjects(UUID(claimed.key))


async def rejudge(claimed: Job, moderation: ModerationService) -> None:
    """Judge some of what was judged under older word lists."""
    place = claimed.payload_as(Place) if claimed.payload is not None else None
    await moderation.rejudging.go_on(claimed.key, place)


async def publish_packaged(moderation: ModerationService, stop: asyncio.Event) -> None:
    """Tell the lists of this version once, if they are newer than what was told; waits for PostgreSQL."""
    while not stop.is_set():
        try:
            await moderation.wordlists.publish(packaged())
        except Unavailable as error:
            logger.warning("wordlists_wait", error=repr(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
        else:
            return


JOBS = (
    job(FORGET, forget_subjects, lease_seconds=60, max_attempts=20),
    job(REJUDGE, rejudge, lease_seconds=60, max_attempts=20),
)
