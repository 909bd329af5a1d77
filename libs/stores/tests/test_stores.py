"""Units of work, idempotency, jobs' rows and migrations on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from psycopg import AsyncConnection

from daira_contracts.auth import SessionRevokedV1, SigningKeyChangedV1
from daira_contracts.user import SettingsChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.idempotency import IdempotencyInProgress, IdempotencyKey, IdempotencyMismatch, Replayed
from daira_stores.migrate import Migration, MigrationError, apply, load, plan, standing
from daira_stores.sweeping import BATCH, sweep
from daira_stores.work import EventTooLarge
from daira_testing.fixtures import MakeDatabase
from daira_testing.schema import describe_schema


def key(body: bytes = b"{}") -> IdempotencyKey:
    return IdempotencyKey.make("user", "POST /v1/posts", "k1", body)


async def test_the_same_key_and_body_give_the_stored_answer(make_database: MakeDatabase) -> None:
    database = await make_database()
    async with database.work(key()) as work:
        await work.answer(201, {"id": 7})

    with pytest.raises(Replayed) as replayed:
        async with database.work(key()):
            pytest.fail("the work was done again")

    assert (replayed.value.status, replayed.value.body) == (201, b'{"id":7}')


async def test_the_same_key_with_another_body_is_refused(make_database: MakeDatabase) -> None:
    database = await make_database()
    async with database.work(key()) as work:
        await work.answer(201, {})

    with pytest.raises(IdempotencyMismatch):
        async with database.work(key(b'{"other": 1}')):
            pass


async def test_a_second_request_while_the_first_runs_is_told_so(make_database: MakeDatabase) -> None:
    database = await make_database()

    async with database.work(key()):
        with pytest.raises(IdempotencyInProgress):
            async with database.work(key()):
                pass


async def test_a_failed_request_frees_its_key(make_database: MakeDatabase) -> None:
    database = await make_database()
    with pytest.raises(RuntimeError):
        async with database.work(key()) as work:
            await work.answer(201, {})
            raise RuntimeError

    async with database.work(key(b"another")) as work:
        await work.answer(200, {"second": True})


async def test_of_fifty_parallel_copies_one_works_and_the_rest_learn_it(make_database: MakeDatabase) -> None:
    database = await make_database()
    async with database.work() as work:
        await work.execute("CREATE TABLE effect (n int)")

    async def attempt() -> str:
        try:
            async with database.work(key()) as work:
                await work.execute("INSERT INTO effect VALUES (1)")
                await work.answer(201, {})
        except (Replayed, IdempotencyInProgress) as outcome:
            return type(outcome).__name__
        return "worked"

    outcomes = await asyncio.gather(*(attempt() for _ in range(50)))

    async with database.read() as work:
        assert len(await work.all("SELECT n FROM effect")) == 1
    assert outcomes.count("worked") == 1


async def test_an_event_larger_than_its_topic_takes_is_refused_where_it_is_made(make_database: MakeDatabase) -> None:
    from daira_contracts.feed import PostChangedV1, PostState
    from daira_kit.clock import now

    database = await make_database()
    huge = PostChangedV1(
        post_id=new_id(),
        author_id=new_id(),
        state=PostState.PROCESSING,
        content_revision=1,
        text="ا" * 100_000,
        created_at=now(),
    )

    with pytest.raises(EventTooLarge):
        async with database.work() as work:
            await work.emit(huge)


async def test_a_reading_unit_of_work_cannot_write(make_database: MakeDatabase) -> None:
    database = await make_database()

    with pytest.raises(Exception, match="read-only"):
        async with database.read() as work:
            await work.emit(SettingsChangedV1(user_id=new_id()))


async def test_all_delivery_migrations_together_are_schema_sql(make_database: MakeDatabase) -> None:
    migrated, declared = await make_database(), await make_database()
    async with await AsyncConnection.connect(declared.dsn, autocommit=True) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    schema = Migration(component="delivery", name="schema.sql", text=_schema_text())
    await apply(declared.dsn, [schema])

    assert await describe_schema(migrated.dsn) == await describe_schema(declared.dsn)


async def test_two_runners_apply_each_migration_once(make_database: MakeDatabase) -> None:
    database = await make_database()
    extra = Migration(component="x", name="0001_pre_x.sql", text="CREATE TABLE x (n int)")

    done = await asyncio.gather(*(apply(database.dsn, [extra]) for _ in range(4)))

    assert sorted(len(ran) for ran in done) == [0, 0, 0, 1]


async def test_an_edited_migration_is_refused_and_a_broken_one_leaves_nothing(make_database: MakeDatabase) -> None:
    database = await make_database()
    good = Migration(component="x", name="0001_pre_x.sql", text="CREATE TABLE x (n int)")
    broken = Migration(component="x", name="0002_pre_y.sql", text="CREATE TABLE y (n int); SELECT nonsense")
    await apply(database.dsn, [good])

    with pytest.raises(MigrationError, match="0002"):
        await apply(database.dsn, [good, broken])
    with pytest.raises(MigrationError, match="edited"):
        await plan(database.dsn, [Migration(component="x", name="0001_pre_x.sql", text="-- other")])

    assert [m.name for m in await plan(database.dsn, [good, broken])] == ["0002_pre_y.sql"]
    assert "y" not in await describe_schema(database.dsn)


async def test_old_rows_of_the_delivery_tables_are_swept(make_database: MakeDatabase) -> None:
    database = await make_database()
    async with database.work() as work:
        await work.execute(
            "INSERT INTO inbox VALUES (%s, 'h', now() - interval '101 days'), (%s, 'h', now())",
            (new_id(), new_id()),
        )

    assert await sweep(database) == 1


async def test_a_sweep_takes_more_than_one_batch(make_database: MakeDatabase) -> None:
    database, old = await make_database(), 2 * BATCH + 1
    async with database.work() as work:
        await work.execute(
            "INSERT INTO inbox SELECT gen_random_uuid(), 'h', now() - interval '101 days' FROM generate_series(1, %s)",
            (old,),
        )

    assert await sweep(database) == old


async def test_what_left_a_broadcast_topic_by_its_age_is_forgotten(make_database: MakeDatabase) -> None:
    database, clock = await make_database(), now()
    ended, key = f"t1.{SessionRevokedV1.topic}", f"t1.{SigningKeyChangedV1.topic}"
    rows = [(ended, "old", 2), (ended, "new", 0), (key, "old", 100)]
    async with database.work() as work:
        for topic, name, days in rows:
            value = b'{"occurredAt":"%b"}' % (clock - timedelta(days=days)).isoformat().encode()
            await work.execute("INSERT INTO broadcast VALUES (%s, %s, %s, 1)", (topic, name, value))

    assert await sweep(database) == 1
    async with database.read() as work:
        left = await work.all("SELECT topic, key FROM broadcast ORDER BY topic, key")
    assert [(row["topic"], row["key"]) for row in left] == [(ended, "new"), (key, "old")]


def _schema_text() -> str:
    from importlib.resources import files

    return (files("daira_stores") / "migrations" / "schema.sql").read_text()


def _files(*names: str) -> list[Migration]:
    return [Migration(component="x", name=name, text="SELECT 1") for name in names]


async def test_the_pre_phase_stops_before_the_first_post_file_and_post_runs_the_rest(
    make_database: MakeDatabase,
) -> None:
    database = await make_database()
    files = _files("0001_pre_a.sql", "0002_post_b.sql", "0003_pre_c.sql")

    first = await apply(database.dsn, files, phase="pre")
    second = await apply(database.dsn, files, phase="pre")
    third = await apply(database.dsn, files)

    assert [[file.name for file in ran] for ran in (first, second, third)] == [
        ["0001_pre_a.sql"],
        [],
        ["0002_post_b.sql", "0003_pre_c.sql"],
    ]


async def test_a_database_ahead_of_the_code_is_told_apart_from_one_behind(make_database: MakeDatabase) -> None:
    database = await make_database()
    await apply(database.dsn, _files("0001_pre_a.sql", "0002_pre_b.sql"))

    found = await standing(database.dsn, _files("0001_pre_a.sql", "0003_pre_c.sql"))

    assert [str(file) for file in found.pending] == ["x/0003_pre_c.sql"]
    assert found.unknown[-1] == "x/0002_pre_b.sql"
    assert found.edited == ()


async def test_looking_at_a_database_without_any_migration_writes_nothing(make_database: MakeDatabase) -> None:
    database = await make_database()
    async with database.work() as work:
        await work.execute("DROP TABLE schema_migration")

    found = await standing(database.dsn, _files("0001_pre_a.sql"))

    assert (found.applied, [str(file) for file in found.pending]) == ((), ["x/0001_pre_a.sql"])
    async with database.read() as work:
        assert await work.one("SELECT to_regclass('schema_migration') AS it") == {"it": None}


def test_migrations_are_numbered_and_say_when_they_run() -> None:
    names = [migration.name for migration in load("delivery", "daira_stores")]

    assert names == sorted(names)
    assert all((name[:4].isdigit() and name[4:10] in ("_pre_c", "_post_")) or "_pre_" in name for name in names)
