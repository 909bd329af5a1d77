"""Deletes old rows of the delivery tables, in small batches that lock nothing for long."""

from typing import LiteralString

from daira_contracts.topics import Kind, topics
from daira_stores.postgres import Database
from daira_stores.work import Parameters

BATCH = 5_000
MOST_BATCHES = 200
"""Of one table in one pass: a pass ends, and more than a thousand rows a second can go."""
_STATEMENTS = (
    """DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
       WHERE published_at < clock_timestamp() - interval '1 day' LIMIT %s)""",
    # Longer than any fact topic is kept: a redelivered fact must still be found here.
    """DELETE FROM inbox WHERE (event_id, handler) IN (SELECT event_id, handler FROM inbox
       WHERE handled_at < clock_timestamp() - interval '100 days' LIMIT %s)""",
    """DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency
       WHERE created_at < clock_timestamp() - interval '1 day' LIMIT %s)""",
)


# What left a broadcast topic by its age is not told as removed, so nothing else would take it from here.
_OUTLIVED = """DELETE FROM broadcast WHERE (topic, key) IN (SELECT topic, key FROM broadcast
    WHERE right(topic, length(%(topic)s)) = %(topic)s AND clock_timestamp() - make_interval(days => %(days)s)
        > (convert_from(value, 'UTF8')::jsonb ->> 'occurredAt')::timestamptz
    LIMIT %(batch)s)"""


async def sweep(database: Database) -> int:
    """One pass; returns how many rows went."""
    gone = 0
    for statement in _STATEMENTS:
        gone += await _sweep(database, statement, (BATCH,))
    for topic in topics().values():
        if topic.kind is Kind.BROADCAST and topic.retention.endswith("d"):
            days = int(topic.retention.removesuffix("d"))
            gone += await _sweep(database, _OUTLIVED, {"topic": topic.topic, "days": days, "batch": BATCH})
    return gone


async def _sweep(database: Database, statement: LiteralString, parameters: Parameters) -> int:
    gone = 0
    for _ in range(MOST_BATCHES):
        async with database.work() as work:
            batch = (await work.execute(statement, parameters)).rowcount
        gone += batch
        if batch < BATCH:
            break
    return gone
