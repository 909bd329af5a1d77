"""What each transaction did to a throw-away database: triggers on every table note rows before and after.

The same notebook keeps what `changes_elsewhere` must remember of other stores, so that a killed run loses none of it.
"""

from typing import Any

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

NEITHER = ("schema_migration", "broadcast", "idempotency")
NOTEBOOK = """
CREATE SCHEMA IF NOT EXISTS daira_replay;
CREATE TABLE IF NOT EXISTS daira_replay.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    operation text NOT NULL,
    old jsonb,
    new jsonb
);
CREATE TABLE IF NOT EXISTS daira_replay.progress (
    next_index bigint NOT NULL,
    result_bytes bigint NOT NULL,
    summary jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS daira_replay.partition (
    name text NOT NULL,
    place text NOT NULL,
    rows bytea NOT NULL,
    PRIMARY KEY (name, place)
);
CREATE TABLE IF NOT EXISTS daira_replay.redis (key text PRIMARY KEY, value bytea NOT NULL);
INSERT INTO daira_replay.progress SELECT 0, 0 WHERE NOT EXISTS (SELECT FROM daira_replay.progress);
CREATE OR REPLACE FUNCTION daira_replay.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    INSERT INTO daira_replay.change (name, operation, old, new) VALUES (
        TG_TABLE_NAME, lower(TG_OP),
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
        CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;
"""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of one table: `insert`, `update` or `delete`, with the row before and after.

    `table` is PostgreSQL's name, `cassandra.` and the name, or `redis`, where a row is one key with its value.
    """

    table: str
    operation: str
    key: tuple[str, ...] = ()
    """Which columns say which row it is; not told of PostgreSQL's."""
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a replay on this database came."""

    next_index: int
    result_bytes: int
    summary: dict[str, Any] = {}
    """What the records before came to, as the replay counts it."""


async def install(connection: AsyncConnection[DictRow]) -> None:
    """Note every change from now on; repeatable."""
    await connection.execute(NOTEBOOK)
    cursor = await connection.execute(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )
    for row in await cursor.fetchall():
        if row["name"] not in NEITHER:
            await connection.execute(
                sql.SQL(
                    "CREATE OR REPLACE TRIGGER daira_replay AFTER INSERT OR UPDATE OR DELETE ON {} "
                    "FOR EACH ROW EXECUTE FUNCTION daira_replay.note()"
                ).format(sql.Identifier("public", row["name"]))
            )


async def noted(connection: AsyncConnection[DictRow]) -> list[Change]:
    """Changes that were not settled yet, in order."""
    cursor = await connection.execute("SELECT name, operation, old, new FROM daira_replay.change ORDER BY id")
    return [
        Change(table=row["name"], operation=row["operation"], old=row["old"], new=row["new"])
        for row in await cursor.fetchall()
    ]


async def settle(connection: AsyncConnection[DictRow], progress: Progress) -> None:
    """Forget the noted changes and remember how far we are, in one transaction."""
    async with connection.transaction():
        await connection.execute("DELETE FROM daira_replay.change")
        await connection.execute(
            "UPDATE daira_replay.progress SET next_index = %s, result_bytes = %s, summary = %s",
            (progress.next_index, progress.result_bytes, Jsonb(progress.summary)),
        )


async def progress_of(connection: AsyncConnection[DictRow]) -> Progress:
    """How far an earlier run came."""
    cursor = await connection.execute("SELECT next_index, result_bytes, summary FROM daira_replay.progress")
    row = await cursor.fetchone()
    return Progress(**row) if row else Progress(next_index=0, result_bytes=0)
