"""The delivery tables stay small: what nobody can ask for any more is deleted, a little at a time."""

import asyncio
from contextlib import suppress

from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.sweeping import sweep
from daira_stores.transient import is_transient

logger = get_logger(__name__)
EVERY_SECONDS = 300.0


async def sweep_delivery_tables(database: Database, stop: asyncio.Event) -> None:
    """Until `stop`, every EVERY_SECONDS."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
            return
        try:
            await sweep(database)
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("sweep_skipped", error=repr(error))
