"""What a failing PostgreSQL means to whoever asks: wait, give up, or be refused at once."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from redis._parsers.base import BaseParser

from daira_kit.errors import DairaError
from daira_stores import circuit, postgres
from daira_stores.failures import DatabaseExhausted, DatabaseLimitExceeded, DatabaseUnavailable
from daira_stores.postgres import Database, open_database
from daira_stores.transient import is_transient
from daira_testing.fixtures import MakeDatabase
from daira_testing.gate import Gate
from daira_testing.waiting import eventually

LONG = 60.0
"""Seconds; one request that waits for its connection takes five, and there are many."""
MANY = 200


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made: Database = await make_database()
    return made


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        ("LOADING the dataset is in memory soon", True),
        ("READONLY You can't write against a read only replica.", True),
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("MISCONF Errors writing to the AOF file: No space left on device", True),
        ("NOREPLICAS Not enough good replicas to write.", True),
        ("TRYAGAIN Multiple keys request during rehashing of slot", True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("ERR unknown command", False),
    ],
)
async def test_what_redis_refuses_because_of_itself_is_waited_for(answer: str, waits: bool) -> None:
    assert is_transient(BaseParser.parse_error(answer)) is waits  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("state", "means", "waits"),
    [
        ("08006", DatabaseUnavailable, True),
        ("40P01", DatabaseUnavailable, True),
        ("53300", DatabaseUnavailable, True),
        ("57P01", DatabaseUnavailable, True),
        ("53100", DatabaseExhausted, True),
        ("53200", DatabaseExhausted, True),
        ("58030", DatabaseExhausted, True),
        ("53400", DatabaseLimitExceeded, False),
        ("54000", DatabaseLimitExceeded, False),
        ("54011", DatabaseLimitExceeded, False),
    ],
)
async def test_the_state_that_the_server_names_decides_what_is_waited_for(
    state: str, means: type[DairaError], waits: bool, database: Database
) -> None:
    with pytest.raises(DairaError) as raised:
        async with database.work() as work:
            await work.execute(f"DO $$ BEGIN RAISE EXCEPTION 'as it happens' USING ERRCODE = '{state}'; END $$")

    assert (type(raised.value), is_transient(raised.value)) == (means, waits)


async def test_what_no_index_can_take_is_not_waited_for(database: Database) -> None:
    with pytest.raises(DatabaseLimitExceeded):
        async with database.work() as work:
            await work.execute(
                "INSERT INTO idempotency (scope, key, body_hash) VALUES (%s, 'key', '')", (secrets.token_hex(9000),)
            )


async def test_more_columns_than_a_row_can_have_are_not_waited_for(database: Database) -> None:
    with pytest.raises(DatabaseLimitExceeded):
        async with database.read() as work:
            await work.execute(f"SELECT {','.join('1' for _ in range(2000))}")


async def test_a_connection_goes_on_after_a_limit_was_exceeded(database: Database) -> None:
    for _ in range(20):
        with pytest.raises(DatabaseLimitExceeded):
            async with database.work() as work:
                await work.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '54000'; END $$")

    await database.check()


@pytest.fixture
async def gate(database: Database) -> AsyncIterator[Gate]:
    async with Gate(database.dsn) as gate:
        yield gate


@pytest.fixture
async def far(gate: Gate) -> AsyncIterator[Database]:
    """The same database behind the gate, with connections that lie idle."""
    async with open_database(gate.url, "test", size=4) as far:
        await asyncio.gather(*(_hold(far) for _ in range(4)))
        yield far


async def test_while_the_database_is_away_requests_are_refused_at_once_with_the_time_to_wait(
    gate: Gate, far: Database
) -> None:
    gate.shut()
    gone = gate.tried

    async with asyncio.timeout(LONG):
        refusals = [await _refusal(far) for _ in range(MANY)]

    assert {refusal.headers["Retry-After"] for refusal in refusals} == {"1"}
    assert gate.tried - gone < MANY / 2


async def test_whoever_waits_for_a_connection_when_the_database_goes_is_told(
    gate: Gate, far: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (circuit, postgres):
        monkeypatch.setattr(module, "WAIT_SECONDS", 10 * LONG)
    gate.shut()

    async with asyncio.timeout(LONG):
        refusals = await asyncio.gather(*(_refusal(far) for _ in range(MANY)))

    assert len(refusals) == MANY


async def test_a_database_that_is_back_is_used_again(gate: Gate, far: Database) -> None:
    gate.shut()
    await _refusal(far)

    gate.open()

    await eventually(lambda: _is_back(far))
    await asyncio.gather(*(_hold(far) for _ in range(40)))


async def test_a_connection_that_says_nothing_is_replaced_before_it_is_used(gate: Gate, far: Database) -> None:
    gate.swallow()

    async with asyncio.timeout(LONG):
        await eventually(lambda: _is_back(far))


async def test_when_all_connections_are_in_use_one_waits_for_the_next(gate: Gate) -> None:
    async with open_database(gate.url, "test", size=1) as far:
        async with far.read():
            waiting = asyncio.create_task(_hold(far))
            await eventually(lambda: _is_queued(far))
        await waiting


async def _hold(database: Database) -> None:
    async with database.read() as work:
        await work.execute("SELECT pg_sleep(0.05)")


async def _refusal(database: Database) -> DatabaseUnavailable:
    with pytest.raises(DatabaseUnavailable) as raised:
        await _hold(database)
    return raised.value


async def _is_back(database: Database) -> bool:
    try:
        await database.check()
    except DatabaseUnavailable:
        return False
    return True


async def _is_queued(database: Database) -> bool:
    return database.pool.get_stats().get("requests_waiting", 0) > 0
