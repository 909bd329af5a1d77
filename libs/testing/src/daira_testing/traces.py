"""Everything a stack stores, as (place, text), to search for what should not be there."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from psycopg import AsyncConnection, sql

from daira_contracts.topics import declared_specs
from daira_devtools.stack import Endpoints
from daira_stores.cql import open_cql
from daira_stores.objects import open_objects
from daira_stores.redis import open_redis

LARGEST_TEXT = 1024 * 1024
Trace = tuple[str, str]


async def find_traces(stack: Endpoints, needles: Iterable[str]) -> list[str]:
    """Where in all stores any of `needles` stands: places with the needle, without repetition."""
    wanted = sorted(set(needles))
    found: dict[str, None] = {}
    async for place, text in _everything(stack):
        for needle in wanted:
            if needle in text:
                found[f"{place}: {needle}"] = None
    return list(found)


async def _everything(stack: Endpoints) -> AsyncIterator[Trace]:
    for source in (_rows(stack), _redis(stack), _wide_rows(stack), _objects(stack), _records(stack)):
        async for trace in source:
            yield trace


async def _rows(stack: Endpoints) -> AsyncIterator[Trace]:
    """Every row of every table of every service's database."""
    async with await AsyncConnection.connect(stack.postgres_dsn("postgres"), autocommit=True) as connection:
        cursor = await connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'daira\_%'")
        databases = [row[0] for row in await cursor.fetchall()]
    for database in databases:
        async with await AsyncConnection.connect(stack.postgres_dsn(database), autocommit=True) as connection:
            cursor = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in await cursor.fetchall():
                rows = await connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
                async for row in rows:
                    yield f"postgres {database}.{table}", _text(row)


async def _redis(stack: Endpoints) -> AsyncIterator[Trace]:
    """Every key with its value, whatever its type."""
    async with open_redis(stack.redis_url) as redis:
        async for key in redis.scan_iter(count=1000):
            kind = _text(await redis.type(key))
            yield "redis key", _text(key)
            yield f"redis {_text(key)}", _text(await _value(redis, kind, key))


async def _value(redis: object, kind: str, key: bytes) -> object:
    readers = {
        "string": ("GET",),
        "hash": ("HGETALL",),
        "list": ("LRANGE", 0, -1),
        "set": ("SMEMBERS",),
        "zset": ("ZRANGE", 0, -1),
        "stream": ("XRANGE", "-", "+"),
    }
    if kind not in readers:
        return b""
    command, *more = readers[kind]
    return await redis.execute_command(command, key, *more)  # type: ignore[attr-defined]


async def _wide_rows(stack: Endpoints) -> AsyncIterator[Trace]:
    """Every row of every table of the services' keyspaces."""
    async with open_cql(stack.cql_hosts, stack.cql_port, "system_schema") as session:
        tables = await session.run("SELECT keyspace_name, table_name FROM tables")
        for table in tables:
            if table.keyspace_name.startswith("daira_"):
                name = f"{table.keyspace_name}.{table.table_name}"
                for row in await session.run(f"SELECT * FROM {name}"):
                    yield f"cql {name}", _text(tuple(row))


async def _objects(stack: Endpoints) -> AsyncIterator[Trace]:
    """Every key of the bucket, and what is small enough to be text."""
    objects = open_objects(stack.s3_endpoint, stack.s3_access_key, stack.s3_secret_key, stack.s3_bucket)
    async for batch in objects.list():
        for meta in batch:
            yield "s3 key", meta["path"]
            if meta["size"] <= LARGEST_TEXT:
                found = await objects.get_async(meta["path"])
                yield f"s3 {meta['path']}", _text(bytes(await found.bytes_async()))


async def _records(stack: Endpoints) -> AsyncIterator[Trace]:
    """What every topic says once compaction has run; of topics without compaction, every record."""
    policies = {spec.name: spec.config["cleanup.policy"] for spec in declared_specs()}
    for topic, records in (await read_topics(stack, await _topic_names(stack))).items():
        if "compact" in policies.get(topic, ""):
            records = list({record.key: record for record in records}.values())
        for record in records:
            yield f"kafka {topic}", _text((record.key, record.value, record.headers))


async def _topic_names(stack: Endpoints) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        return sorted(name for name in await admin.list_topics() if not name.startswith("__"))
    finally:
        await admin.close()


async def read_topics(stack: Endpoints, names: Iterable[str]) -> dict[str, list[ConsumerRecord]]:
    """Every record that these topics hold now, in order within each partition."""
    found: dict[str, list[ConsumerRecord]] = {name: [] for name in names}
    async with _assigned(stack, found) as (client, partitions):
        await client.seek_to_beginning(*partitions)
        ends = await client.end_offsets(partitions)
        while any([await client.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await client.getmany(timeout_ms=200)).items():
                found[partition.topic] += records
    return found


async def rewind(stack: Endpoints, service: str, names: Iterable[str]) -> None:
    """The service's consumer group begins every one of these topics anew; nobody may be in the group meanwhile."""
    async with _assigned(stack, names, service) as (client, partitions):
        await client.commit(await client.beginning_offsets(partitions))


async def lag(stack: Endpoints, service: str, names: Iterable[str]) -> int:
    """How many records of these topics the service has not yet committed."""
    async with _assigned(stack, names, service) as (client, partitions):
        ends = await client.end_offsets(partitions)
        return sum([end - (await client.committed(partition) or 0) for partition, end in ends.items()])


@asynccontextmanager
async def _assigned(
    stack: Endpoints, names: Iterable[str], service: str | None = None
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """A client with all partitions of these topics, of the service's group if one is named."""
    group = f"daira.{service}" if service else None
    client = AIOKafkaConsumer(bootstrap_servers=stack.kafka_bootstrap, group_id=group, enable_auto_commit=False)
    await client.start()
    try:
        for name in names:
            client._client.add_topic(name)
        await client._client.force_metadata_update()
        partitions = [
            TopicPartition(name, number) for name in names for number in sorted(client.partitions_for_topic(name) or ())
        ]
        client.assign(partitions)
        yield client, partitions
    finally:
        await client.stop()


def _text(value: object) -> str:
    """Readable text of anything a store gives: bytes are taken as UTF-8, nested values one after the other."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    if isinstance(value, dict):
        return _text(tuple(value.items()))
    if isinstance(value, list | tuple | set | frozenset):
        return "\n".join(_text(part) for part in value)
    return str(value)
