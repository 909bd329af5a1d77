"""Stops recorded processes: gateway, then services, then stores, each group at the same time."""

import asyncio
from collections.abc import Iterable

from daira_devtools.stack import place, processes

LAST_TO_FIRST = ("gateway", "services", "valkey-cluster", "stores")


async def stop_in_order(records: Iterable[processes.Record], folder: place.StackFolder, *, kill: bool = False) -> int:
    """Returns how many of them were running; forgets all of them."""
    rows = list(records)
    count = 0
    for group in LAST_TO_FIRST:
        members = [record for record in rows if record.group == group]
        count += sum(await asyncio.gather(*(_stop(record, folder, kill) for record in members)))
    return count


async def _stop(record: processes.Record, folder: place.StackFolder, kill: bool) -> bool:
    was_running = await processes.stop(record, kill=kill)
    folder.record(record.name).unlink(missing_ok=True)
    return was_running
