"""Is a table a function of its topics? One question for every projection, asked in every way there is.

The state that live handlers leave = after a replay from empty = with every event twice = with neighbours of different
keys swapped = with old records once more = from what compaction leaves = from a snapshot and the tail after it = in
batches of any size, and, on a broker, = after `daira rebuild` of tables that somebody spoilt.
"""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
from psycopg import sql

from daira_bus import topics as broker
from daira_bus.producer import Producer, open_producer
from daira_bus.projection import Projection, Source, fold
from daira_bus.subscription import Subscription
from daira_contracts._event import Event
from daira_runtime import Platform, Service
from daira_stores.postgres import Database, open_database
from daira_stores.shadow import Table
from daira_testing.command import say
from daira_web.tokens import TokenVerifier

Settle = Callable[[], Awaitable[None]]
State = dict[str, list[str]]
DELIVERY = ("schema_migration",)


class Gone(msgspec.Struct, frozen=True):
    """A key left its topic."""

    event_type: type[Event]
    key: str


Step = Event | Gone


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one topic about some keys: `make(random, key, revision)`."""

    make: Callable[[Random, Any, int], Event]
    keys: Sequence[Any]
    removable: bool = True


def tell(kinds: Sequence[Kind], *, seed: int, steps: int = 150) -> list[Step]:
    """A history that is the same for the same seed: revisions count up, keys leave and some come again."""
    random = Random(seed)
    revisions: dict[tuple[Any, Any], int] = {}
    story: list[Step] = []
    for _ in range(steps):
        kind = random.choice(kinds)
        key = random.choice(kind.keys)
        revision = revisions[kind.make, key] = revisions.get((kind.make, key), 0) + 1
        event = kind.make(random, key, revision)
        if kind.removable and revision > 1 and random.random() < 0.15:
            story.append(Gone(type(event), event.key_text()))
        else:
            story.append(event)
    return story


class Verifier:
    """One service's handlers and projections on an empty database of its own; `target` is what its handlers get."""

    def __init__(
        self,
        database: Database,
        target: Any,
        subscriptions: Sequence[Subscription],
        projections: Sequence[Projection],
        *,
        settle: Settle | None = None,
    ) -> None:
        """`settle` does what jobs would do after the last event: the end of an erasure."""
        self.database, self.target, self.projections = database, target, projections
        self._subscriptions = {subscription.topic: subscription for subscription in subscriptions}
        self._settle = settle

    async def verify(self, story: Sequence[Step], *, late: bool = True) -> State:
        """Everything but the broker; returns the live state, which is now in the database.

        `late`: old records come again at the end, past the redrive that would know them as superseded. A projection
        that forgets with a row how new it was cannot bear that.
        """
        live = await self.replay(story)
        assert all(live.values()), f"a projection that the story does not fill proves nothing: {live.keys()}"
        half, overlap = len(story) // 2, len(story) // 3
        for name, steps in {
            "from empty": story,
            "every event twice": [step for step in story for _ in range(2)],
            "neighbours of different keys swapped": swapped(story),
            "what compaction leaves": compacted(story),
            "a snapshot and its tail": [*story[:half], *story[overlap:]],
        }.items():
            _same(live, await self.replay(steps), name)
        if late:
            _same(live, await self.replay([*story, *outdated(story)]), "old records once more at the end")
        for size in (1, 7, len(story)):
            _same(live, await self.in_batches(story, size), f"batches of {size}")
        _same(live, await self.replay(story), "once more")
        return live

    async def replay(self, steps: Sequence[Step]) -> State:
        """By the live handlers, from empty, one transaction each; duplicates reach the handlers."""
        await self.wipe()
        await self.replay_on(*steps)
        if self._settle is not None:
            await self._settle()
        return await self.state()

    async def replay_on(self, *steps: Step) -> None:
        """By the live handlers, after what was handled before."""
        for step in steps:
            subscription = self._subscriptions[topic_of(step)]
            async with self.database.work() as work:
                if not isinstance(step, Gone):
                    await subscription.handler(step, work, self.target)
                elif subscription.tombstone is not None:
                    await subscription.tombstone(step.key, work, self.target)

    async def in_batches(self, story: Sequence[Step], size: int) -> State:
        """As a rebuild does: by the projections' own functions, of each topic alone; who was erased is known before."""
        fed = {source.topic for projection in self.projections for source in projection.sources}
        await self.replay([step for step in story if topic_of(step) not in fed])
        for projection in self.projections:
            for source in projection.sources:
                await self._feed(source, [step for step in story if topic_of(step) == source.topic], size)
            if projection.derive is not None:
                async with self.database.work() as work:
                    await projection.derive(work)
        return await self.state()

    async def _feed(self, source: Source, steps: Sequence[Step], size: int) -> None:
        for at in range(0, len(steps), size):
            batch = fold(
                (step.key.encode(), None) if isinstance(step, Gone) else (step.key_text().encode(), step)
                for step in steps[at : at + size]
            )
            async with self.database.work() as work:
                if batch.removed and source.remove is not None:
                    await source.remove(work, batch.removed)
                if batch.puts:
                    await source.put(work, batch.puts)

    async def state(self) -> State:
        """By projection and table what it says; rows that only remember that something is gone are no statement."""
        found = {}
        for projection in self.projections:
            for table in projection.tables:
                found[f"{projection.name}/{table.name}"] = await self._rows(table)
        return found

    async def spoil(self) -> None:
        """Rows lost, changed and made up, in every table."""
        async with self.database.work() as work:
            for name in dict.fromkeys(table.name for one in self.projections for table in one.tables):
                table = next(t for one in self.projections for t in one.tables if t.name == name)
                columns = await work.all(
                    "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
                    " AND table_schema = 'public' ORDER BY ordinal_position",
                    (name,),
                )
                for statement in _spoiling(table, columns):
                    await work.connection.execute(statement)

    async def wipe(self) -> None:
        """Every table empty."""
        async with self.database.work() as work:
            rows = await work.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = [sql.Identifier(row["tablename"]) for row in rows if row["tablename"] not in DELIVERY]
            await work.connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(names)))

    async def _rows(self, table: Table) -> list[str]:
        keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
        marks = sql.SQL(table.marks)
        async with self.database.work() as work:
            if not table.columns:
                statement = sql.SQL("SELECT * FROM {} WHERE NOT ({})").format(sql.Identifier(table.name), marks)
            else:
                await work.connection.execute(
                    sql.SQL("CREATE TEMPORARY TABLE plain (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP").format(
                        sql.Identifier(table.name)
                    )
                )
                await work.connection.execute(
                    sql.SQL("INSERT INTO plain ({0}) SELECT {0} FROM {1}").format(keys, sql.Identifier(table.name))
                )
                names = [*table.key, *table.columns]
                statement = sql.SQL("SELECT {0} FROM {1} EXCEPT SELECT {0} FROM plain").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table.name)
                )
            rows = await (await work.connection.execute(statement)).fetchall()
        return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


def swapped(story: Sequence[Step]) -> list[Step]:
    """Each pair of neighbours changed over unless they are about the same key, then the same once more, one further."""
    steps = list(story)
    for first in (0, 1):
        for at in range(first, len(steps) - 1, 2):
            if place_of(steps[at]) != place_of(steps[at + 1]):
                steps[at], steps[at + 1] = steps[at + 1], steps[at]
    return steps


def compacted(story: Sequence[Step]) -> list[Step]:
    """The last of each key."""
    last: dict[tuple[str, str], Step] = {}
    for step in story:
        last.pop(place_of(step), None)
        last[place_of(step)] = step
    return list(last.values())


def outdated(story: Sequence[Step]) -> list[Step]:
    """The first event of each key that was told again later and is still there."""
    first: dict[tuple[str, str], Step] = {}
    last: dict[tuple[str, str], Step] = {}
    for step in story:
        first.setdefault(place_of(step), step)
        last[place_of(step)] = step
    return [step for place, step in first.items() if last[place] is not step and not isinstance(last[place], Gone)]


def topic_of(step: Step) -> str:
    """Where it lies."""
    return step.event_type.topic if isinstance(step, Gone) else step.topic


def place_of(step: Step) -> tuple[str, str]:
    """Topic and key: the order of these is the log's."""
    return topic_of(step), step.key if isinstance(step, Gone) else step.key_text()


class Topics(msgspec.Struct, frozen=True):
    """All topics of the contracts under a prefix of their own."""

    prefix: str
    producer: Producer

    async def publish(self, story: Sequence[Step]) -> None:
        """In order for each key."""
        records = [
            (topic_of(step), place_of(step)[1], None if isinstance(step, Gone) else msgspec.json.encode(step), ())
            for step in story
        ]
        for at in range(0, len(records), 1_000):
            assert all(await self.producer.send_each(records[at : at + 1_000], timeout=30))


@asynccontextmanager
async def own_topics(bootstrap: str) -> AsyncIterator[Topics]:
    """Gone at the end."""
    prefix = f"t{secrets.token_hex(4)}."
    await broker.apply(bootstrap, prefix)
    async with open_producer(bootstrap, "test", prefix) as producer:
        yield Topics(prefix, producer)
    await broker.remove_all(bootstrap, prefix)


def _spoiling(table: Table, columns: Sequence[dict[str, Any]]) -> list[sql.Composed]:
    name = sql.Identifier(table.name)
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    third = sql.SQL("({0}) IN (SELECT {0} FROM {1} ORDER BY {0} LIMIT (SELECT count(*) / 3 FROM {1}))").format(
        keys, name
    )
    statements = [sql.SQL("DELETE FROM {} WHERE {}").format(name, third)]
    changes = {"bigint": "{0} + 7", "integer": "{0} + 7", "boolean": "NOT {0}"}
    changed = [
        sql.SQL("{} = {}").format(
            sql.Identifier(column["column_name"]),
            sql.SQL(changes[column["data_type"]]).format(sql.Identifier(column["column_name"])),
        )
        for column in columns
        if column["data_type"] in changes and column["column_name"] not in table.key
    ]
    if changed:
        statements.append(sql.SQL("UPDATE {} SET {} WHERE {}").format(name, sql.SQL(", ").join(changed), third))
    every = [column["column_name"] for column in columns]
    made_up = [sql.SQL("gen_random_uuid()") if column in table.key else sql.Identifier(column) for column in every]
    statements.append(
        sql.SQL("INSERT INTO {0} ({1}) SELECT {2} FROM {0} LIMIT 3").format(
            name, sql.SQL(", ").join(map(sql.Identifier, every)), sql.SQL(", ").join(made_up)
        )
    )
    return statements


def _same(live: State, other: State, name: str) -> None:
    for table, rows in live.items():
        assert other[table] == rows, f"{table} differs: {name}"


@asynccontextmanager
async def verifying(
    service: Service[Any], settings: Any, settle: Callable[[Any, Database], Awaitable[None]] | None = None
) -> AsyncIterator[Verifier]:
    """The service's handlers on the database of `settings`, nothing of it running.

    `settle(target, database)` does what jobs would do after the last event.
    """
    async with (
        open_database(settings.postgres_dsn, service.name, size=4) as database,
        open_producer(settings.kafka_bootstrap, service.name, settings.topic_prefix) as producer,
    ):
        verifier = TokenVerifier(settings.root_public_key, settings.token_issuer)
        platform = Platform(database=database, producer=producer, verifier=verifier)
        async with service.build(settings, platform) as parts:

            async def jobs() -> None:
                if settle is not None:
                    await settle(parts.target, database)

            tables = [one for one in service.projections if isinstance(one, Projection)]
            yield Verifier(database, parts.target, parts.subscriptions, tables, settle=jobs)


def environ_of(service: Service[Any], settings: Any) -> dict[str, str]:
    """The variables under which a command finds the stores of `settings`."""
    values = {**msgspec.structs.asdict(settings)}
    start = f"DAIRA_{service.name.upper()}_"
    environ = {
        start + name.upper(): str(value) for name, value in values.items() if isinstance(value, str | int | float)
    }
    return {"DAIRA_ENV": "dev", **{name: value for name, value in environ.items() if name != f"{start}ENV"}}


async def verify_rebuild(verifier: Verifier, story: Sequence[Step], topics: Topics) -> None:
    """Spoilt tables are what the live handlers made of the same records after `daira rebuild`; the next one is idle.

    The command finds the stores in the environment: see `environ_of`.
    """
    await topics.publish(story)
    live = await verifier.replay(story)
    await verifier.spoil()
    assert await verifier.state() != live
    names = [projection.name for projection in verifier.projections]
    differences = await _rebuild(names, topics)
    assert all(differences.values()), differences
    _same(live, await verifier.state(), "rebuilt")
    assert not any((await _rebuild(names, topics)).values())


async def _rebuild(names: Sequence[str], topics: Topics) -> dict[str, int]:
    said = await say("rebuild", *names, "--prefix", topics.prefix, "--json")
    assert said.code == 0, said.err
    return {one["projection"]: one["added"] + one["changed"] + one["removed"] for one in said.json["rebuilt"]}
