"""What a record did to a throw-away keyspace and a throw-away logical database of Redis, as rows before and after.

Neither has triggers. Of Cassandra each partition is read before a record first writes to it; Redis, which handlers
seldom write to, is compared as a whole. What must be known after a kill lies in the notebook of `changes`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from redis.exceptions import RedisError

from daira_kit.errors import Unavailable
from daira_stores.changes import Change
from daira_stores.cql import CqlSession, Write
from daira_stores.redis import AnyRedis
from daira_stores.scratch import OWNER_KEY

Row = dict[str, Any]
COLUMNS = """
SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?
"""
READS = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"list": ("LRANGE", 0, -1),
}
SCANNED = 1_000


class CqlChanges:
    """`session` must not be one that is watched itself."""

    def __init__(self, session: CqlSession, keyspace: str, notebook: AsyncConnection[DictRow]) -> None:
        self._session, self._keyspace, self._notebook = session, keyspace, notebook
        self._keys: dict[str, dict[str, tuple[str, ...]]] = {}

    async def before(self, write: Write) -> None:
        """Remember the partition that is about to be written to, if nobody has since the last `settle`."""
        place = self._place(write, await self._keys_of(write.table))
        rows = msgspec.json.encode(await self._read(write.table, place))
        # The first look stays: each write waits for its own, so the first was before them all.
        await self._notebook.execute(
            "INSERT INTO daira_replay.partition (name, place, rows) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (write.table, msgspec.json.encode(place).decode(), rows),
        )

    async def noted(self) -> list[Change]:
        """What differs now in the partitions written to, in their own order: a record writes to several at once."""
        cursor = await self._notebook.execute("SELECT name, place, rows FROM daira_replay.partition ORDER BY 1, 2")
        found: list[Change] = []
        for noted in await cursor.fetchall():
            keys = (await self._keys_of(noted["name"]))["row"]
            old = msgspec.json.decode(noted["rows"], type=list[Row])
            new = await self._read(noted["name"], msgspec.json.decode(noted["place"], type=Row))
            found += differences(f"cassandra.{noted['name']}", keys, old, new)
        return found

    async def settle(self) -> None:
        """Forget what was noted."""
        await self._notebook.execute("DELETE FROM daira_replay.partition")

    def _place(self, write: Write, keys: Mapping[str, Sequence[str]]) -> Row:
        if not set(keys["partition"]) <= write.bound.keys():
            return {}  # it names no partition of its own: the whole table is looked at
        place = {name: write.bound[name] for name in keys["partition"]}
        plain: Row = msgspec.json.decode(msgspec.json.encode(place, enc_hook=str))
        return plain

    async def _read(self, table: str, place: Row) -> list[Row]:
        where = " AND ".join(f"{name} = fromJson(?)" for name in place)
        statement = f"SELECT JSON * FROM {table}" + (f" WHERE {where}" if where else "")  # noqa: S608 - the schema's own names
        rows = await self._session.run(statement, [msgspec.json.encode(value).decode() for value in place.values()])
        return [msgspec.json.decode(row[0]) for row in rows]

    async def _keys_of(self, table: str) -> dict[str, tuple[str, ...]]:
        if table not in self._keys:
            columns = await self._session.run(COLUMNS, (self._keyspace, table))
            ordered = sorted(columns, key=lambda column: (column.kind != "partition_key", column.position))
            self._keys[table] = {
                "partition": tuple(one.column_name for one in ordered if one.kind == "partition_key"),
                "row": tuple(one.column_name for one in ordered if one.kind in ("partition_key", "clustering")),
            }
        return self._keys[table]


class RedisChanges:
    """`client` of a logical database that is this run's alone."""

    def __init__(self, client: AnyRedis, notebook: AsyncConnection[DictRow]) -> None:
        self._client, self._notebook = client, notebook
        self._told: dict[str, Any] | None = None
        self._now: dict[str, Any] = {}

    async def noted(self) -> list[Change]:
        """Keys whose values are no longer what was told. Raises Unavailable."""
        if self._told is None:
            cursor = await self._notebook.execute("SELECT key, value FROM daira_replay.redis")
            self._told = {row["key"]: msgspec.json.decode(row["value"]) for row in await cursor.fetchall()}
        try:
            self._now = await self._content()
        except RedisError as error:
            raise Unavailable(f"the throw-away Redis does not answer: {error}") from error
        return list(differences("redis", ("key",), _rows(self._told), _rows(self._now)))

    async def settle(self) -> None:
        """What `noted` last saw is told."""
        if self._told is None:
            return  # nothing was looked at yet
        told = self._told
        gone = [key for key in told if key not in self._now]
        put = [key for key, value in self._now.items() if key not in told or told[key] != value]
        if gone:
            await self._notebook.execute("DELETE FROM daira_replay.redis WHERE key = ANY(%s)", (gone,))
        for key in put:
            await self._notebook.execute(
                "INSERT INTO daira_replay.redis VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, msgspec.json.encode(self._now[key])),
            )
        self._told = self._now

    async def _content(self) -> dict[str, Any]:
        if await self._client.dbsize() <= 1:  # the owner's mark
            return {}
        keys = [key async for key in self._client.scan_iter(count=SCANNED) if key != OWNER_KEY.encode()]
        async with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
            kinds = await pipe.execute()
            for key, kind in zip(keys, kinds, strict=True):
                name, *rest = READS.get(kind, ("DUMP",))
                pipe.execute_command(name, key, *rest)
            values = await pipe.execute()
        found = {text_of(key): _plain(value) for key, value in zip(keys, values, strict=True)}
        return {key: found[key] for key in sorted(found)}


def differences(table: str, key: tuple[str, ...], old: Sequence[Row], new: Sequence[Row]) -> Iterator[Change]:
    """Row by row, as triggers would note them."""
    before, after = _by_key(key, old), _by_key(key, new)
    for place in {**before, **after}:
        one, two = before.get(place), after.get(place)
        if one != two:
            operation = "insert" if one is None else "delete" if two is None else "update"
            yield Change(table=table, operation=operation, key=key, old=one, new=two)


def text_of(content: bytes) -> str:
    """As it reads, or in hexadecimal what does not."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"0x{content.hex()}"


def _by_key(key: Iterable[str], rows: Sequence[Row]) -> dict[bytes, Row]:
    return {msgspec.json.encode([row[name] for name in key]): row for row in rows}


def _rows(values: Mapping[str, Any]) -> list[Row]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _plain(value: Any) -> Any:
    """What the client makes of an answer, as JSON can say it; sets have an order then."""
    match value:
        case bytes():
            return text_of(value)
        case dict():
            return {text_of(name): _plain(one) for name, one in sorted(value.items())}
        case set():
            return sorted(map(text_of, value))
        case float():
            return int(value) if value.is_integer() else str(value)  # JSON knows no infinity
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
