"""Deletes old rows of the delivery tables, in small batches that lock nothing for long."""

from daira_stores.postgres import Database

BATCH = 5_000
_STATEMENTS = (
    """DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
       WHERE published_at < clock_timestamp() - interval '1 day' LIMIT %s)""",
    # Longer than any fact topic is kept: a redelivered fact must still be found here.
    """DELETE FROM inbox WHERE (event_id, handler) IN (SELECT event_id, handler FROM inbox
       WHERE handled_at < clock_timestamp() - interval '100 days' LIMIT %s)""",
    """DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency
       WHERE created_at < clock_timestamp() - interval '1 day' LIMIT %s)""",
)


async def sweep(database: Database) -> int:
    """One pass; returns how many rows went."""
    gone = 0
    for statement in _STATEMENTS:
        async with database.work() as work:
            gone += (await work.execute(statement, (BATCH,))).rowcount
    return gone
