"""The adapter to Cassandra on a real one: answers of many pages, and who is told of writes."""

from collections.abc import AsyncIterator

import pytest

from daira_devtools.stack import Endpoints
from daira_kit.ids import new_id
from daira_stores.cql import CqlSession, Write, before_each_write, open_cql

PUT = "INSERT INTO number (name, value) VALUES (?, ?) USING TTL ?"
READ = "SELECT value FROM number WHERE name = ?"
DROP = "DELETE FROM number WHERE name = ?"


@pytest.fixture
async def session(stack: Endpoints, keyspace: str) -> AsyncIterator[CqlSession]:
    async with open_cql(stack.cql_hosts, stack.cql_port, keyspace, timeout=60) as session:
        await session.run("CREATE TABLE IF NOT EXISTS number (name text, value int, PRIMARY KEY (name, value))")
        yield session


async def test_an_answer_holds_the_rows_of_every_page(session: CqlSession) -> None:
    name = new_id().hex
    await session.run_many(PUT, [(name, number, 60) for number in range(20)])
    await session.run(READ, (name,))
    session._prepared[READ].fetch_size = 7

    rows = await session.run(READ, (name,))

    assert [row.value for row in rows] == list(range(20))


async def test_whoever_watches_is_told_of_each_write_before_it_happens(
    session: CqlSession, stack: Endpoints, keyspace: str
) -> None:
    told: list[tuple[Write, int]] = []

    async def note(write: Write) -> None:
        told.append((write, len(await session.run(READ, (name,)))))

    name = new_id().hex
    with before_each_write(note):
        async with open_cql(stack.cql_hosts, stack.cql_port, keyspace, timeout=60) as watched:
            await watched.run(PUT, (name, 7, 60))
            await watched.run(READ, (name,))
            await session.run(PUT, (name, 8, 60))
            await watched.run(DROP, (name,))

    assert told == [
        (Write(table="number", bound={"name": name, "value": 7, "[ttl]": 60}), 0),
        (Write(table="number", bound={"name": name}), 2),
    ]
