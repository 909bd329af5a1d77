"""Tables built a second time in a schema of their own, then brought over in one transaction that readers do not notice.

Code that writes to `profile` writes to the copy while the copy's schema comes first in the search path; whatever it
reads besides (who was erased) it finds in the live schema behind it.
"""

from collections.abc import Collection, Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.rows import DictRow

from daira_stores.arrays import columns_of
from daira_stores.work import Work

LIVE = "public"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a projection, known by its `key` columns.

    With `columns` only these are projected and the rows belong to somebody else: none is removed, a row that the
    topics know nothing of gets the columns' defaults. `marks` is a condition on rows that only remember that something
    is gone; they stay, for a compacted topic has forgotten it.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    marks: LiteralString = "false"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a swap adds, changes and removes, and the keys of all of them."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    keys: Sequence[tuple[Any, ...]] = ()


class Shadow:
    """The copy of one projection's tables; `name` is the projection's."""

    def __init__(self, name: str, tables: Sequence[Table], fingerprint: str) -> None:
        """A copy that was begun under another `fingerprint` is begun anew."""
        self.schema = f"rebuild_{name.replace('.', '_').replace('-', '_')}"
        self._tables, self._fingerprint = tables, fingerprint

    async def begin(self, work: Work, *, anew: bool = False) -> bool:
        """Make the copy, or go on with the one that is there; true when it goes on."""
        # A migration since the copy was begun makes it useless too.
        fingerprint = repr((self._fingerprint, [await self._columns(work, table) for table in self._tables]))
        if await self._held_fingerprint(work) == fingerprint and not anew:
            return True
        await self.drop(work)
        schema = sql.Identifier(self.schema)
        await _run(work, "CREATE SCHEMA {}", schema)
        await _run(work, "CREATE TABLE {} (fingerprint text NOT NULL)", self._own("about"))
        await _run(work, "INSERT INTO {} VALUES (%s)", self._own("about"), parameters=(fingerprint,))
        columns = "topic text, partition integer, next_offset bigint NOT NULL, PRIMARY KEY (topic, partition)"
        await _run(work, f"CREATE TABLE {{}} ({columns})", self._own("progress"))
        await _run(work, "CREATE TABLE {} (place text)", self._own("cursor"))
        await _run(work, "CREATE TABLE {} (event_id uuid PRIMARY KEY)", self._own("seen"))
        for table in self._tables:
            pair = self._own(table.name), sql.Identifier(LIVE, table.name)
            await _run(work, "CREATE TABLE {} (LIKE {} INCLUDING ALL)", *pair)
        return False

    async def drop(self, work: Work) -> None:
        """Nothing is left of the copy."""
        await _run(work, "DROP SCHEMA IF EXISTS {} CASCADE", sql.Identifier(self.schema))

    async def enter(self, work: Work) -> None:
        """From here to the end of the transaction, or to `leave`, statements write to the copy."""
        await work.execute("SELECT set_config('search_path', %s, true)", (f"{self.schema}, {LIVE}",))

    async def leave(self, work: Work) -> None:
        """Statements mean the live tables again."""
        await work.execute("SELECT set_config('search_path', %s, true)", (LIVE,))

    async def progress(self, work: Work) -> dict[tuple[str, int], int]:
        """By topic and partition the offset to go on from."""
        rows = await _all(work, "SELECT * FROM {}", self._own("progress"))
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def put_progress(self, work: Work, topic: str, partition: int, next_offset: int) -> None:
        """In the transaction that holds what was read before `next_offset`."""
        await _run(
            work,
            "INSERT INTO {} VALUES (%s, %s, %s) ON CONFLICT (topic, partition) DO UPDATE SET next_offset = %s",
            self._own("progress"),
            parameters=(topic, partition, next_offset, next_offset),
        )

    async def first_times(self, work: Work, event_ids: Collection[UUID]) -> set[UUID]:
        """Those that this rebuild did not see before, as an inbox; in the transaction that holds their progress."""
        rows = await _all(
            work,
            "INSERT INTO {} SELECT * FROM unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id",
            self._own("seen"),
            parameters=columns_of((event_id,) for event_id in event_ids),
        )
        return {row["event_id"] for row in rows}

    async def cursor(self, work: Work) -> str | None:
        """Where a refill goes on."""
        rows = await _all(work, "SELECT place FROM {}", self._own("cursor"))
        return rows[0]["place"] if rows else None

    async def put_cursor(self, work: Work, place: str) -> None:
        """Everything up to `place` is in line."""
        await _run(work, "DELETE FROM {}", self._own("cursor"))
        await _run(work, "INSERT INTO {} VALUES (%s)", self._own("cursor"), parameters=(place,))

    async def lock_live(self, work: Work, names: Sequence[str], seconds: float) -> None:
        """Writers of these live tables wait from here on, also those that only lock rows; readers go on.

        Raises psycopg's LockNotAvailable after `seconds`: what waits behind us must not wait long.
        """
        await work.execute("SELECT set_config('lock_timeout', %s, true)", (f"{int(seconds * 1000)}ms",))
        for name in names:
            await _run(work, "LOCK TABLE {} IN EXCLUSIVE MODE", sql.Identifier(LIVE, name))
        await work.execute("SELECT set_config('lock_timeout', '0', true)")

    async def compare(self, work: Work) -> dict[str, Difference]:
        """What the live tables lack; kept for `bring_over` in this transaction."""
        return {table.name: await self._compare(work, table) for table in self._tables}

    async def bring_over(self, work: Work) -> None:
        """Write exactly what `compare` found."""
        for table in self._tables:
            await self._bring_over(work, table)

    async def _compare(self, work: Work, table: Table) -> Difference:
        keys = _names(table.key)
        held = await self._columns(work, table)
        if table.columns:
            pair = self._own(table.name), sql.Identifier(LIVE, table.name)
            await _run(work, "INSERT INTO {} ({keys}) SELECT {keys} FROM {} ON CONFLICT DO NOTHING", *pair, keys=keys)
        await _run(
            work,
            """
            CREATE TEMPORARY TABLE {diff} ON COMMIT DROP AS
            SELECT {keys}, CASE WHEN old.{first} IS NULL THEN 'added' WHEN new.{first} IS NULL THEN 'removed'
                ELSE 'changed' END AS kind_of_change
            FROM {copy} AS new FULL JOIN {live} AS old USING ({keys})
            WHERE old.{first} IS NULL
                OR (new.{first} IS NULL AND NOT (SELECT ({marks}) FROM (SELECT old.*) AS held))
                OR (new.{first} IS NOT NULL AND ({old}) IS DISTINCT FROM ({new}))
            """,
            diff=_difference(table),
            keys=keys,
            first=sql.Identifier(table.key[0]),
            copy=self._own(table.name),
            live=sql.Identifier(LIVE, table.name),
            marks=sql.SQL(table.marks),
            old=_names(held, "old"),
            new=_names(held, "new"),
        )
        rows = await _all(work, "SELECT {}, kind_of_change FROM {}", keys, _difference(table))
        kinds = [row.pop("kind_of_change") for row in rows]
        counts = {kind: kinds.count(kind) for kind in ("added", "changed", "removed")}
        return Difference(**counts, keys=[tuple(row.values()) for row in rows])

    async def _bring_over(self, work: Work, table: Table) -> None:
        keys, held = _names(table.key), await self._columns(work, table)
        every = [*table.key, *(name for name in held if name not in table.key)]
        same = sql.SQL(" AND ").join(sql.SQL("live.{0} = diff.{0}").format(sql.Identifier(name)) for name in table.key)
        live = sql.Identifier(LIVE, table.name)
        await _run(
            work,
            "DELETE FROM {live} AS live USING {diff} AS diff WHERE {same} AND kind_of_change = 'removed'",
            live=live,
            diff=_difference(table),
            same=same,
        )
        taken = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in held)
        await _run(
            work,
            """
            INSERT INTO {live} ({every}) SELECT {every} FROM {copy} JOIN {diff} USING ({keys})
            WHERE kind_of_change <> 'removed' ON CONFLICT ({keys}) DO UPDATE SET {taken}
            """,
            live=live,
            diff=_difference(table),
            keys=keys,
            every=_names(every),
            copy=self._own(table.name),
            taken=taken,
        )

    async def _columns(self, work: Work, table: Table) -> Sequence[str]:
        if table.columns:
            return table.columns
        rows = await work.all(
            """
            SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
            ORDER BY ordinal_position
            """,
            (LIVE, table.name),
        )
        return [row["column_name"] for row in rows]

    async def _held_fingerprint(self, work: Work) -> str | None:
        row = await work.one("SELECT to_regclass(%s) IS NOT NULL AS found", (f"{self.schema}.about",))
        if row is None or not row["found"]:
            return None
        rows = await _all(work, "SELECT fingerprint FROM {}", self._own("about"))
        return rows[0]["fingerprint"] if rows else None

    def _own(self, table: str) -> sql.Identifier:
        return sql.Identifier(self.schema, table)


def _difference(table: Table) -> sql.Identifier:
    return sql.Identifier(f"difference_of_{table.name}")


def _names(columns: Sequence[str], table: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*(name for name in (table, column) if name)) for column in columns)


async def _run(
    work: Work,
    statement: LiteralString,
    *names: sql.Composable,
    parameters: Sequence[Any] | None = None,
    **named: sql.Composable,
) -> None:
    await work.connection.execute(sql.SQL(statement).format(*names, **named), parameters)


async def _all(
    work: Work, statement: LiteralString, *names: sql.Composable, parameters: Sequence[Any] | None = None
) -> list[DictRow]:
    return await (await work.connection.execute(sql.SQL(statement).format(*names), parameters)).fetchall()
