from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection

from daira_stores.migrate import load

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, ordinal_position
"""
RULES = """
SELECT conrelid::regclass::text AS place, pg_get_constraintdef(oid) AS rule FROM pg_constraint
WHERE connamespace = %s::regnamespace ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY 1, 2"


async def shape(connection: AsyncConnection[Any], schema: str, text: str) -> list[Any]:
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"SET search_path TO {schema}")
    await connection.execute(text)
    found = []
    for question in (COLUMNS, RULES, INDEXES):
        rows = await (await connection.execute(question, (schema,))).fetchall()
        found.append([str(row).replace(f"{schema}.", "") for row in rows])
    return found


async def test_all_migrations_together_are_the_schema(make_database: Any) -> None:
    database = await make_database()
    migrations = "\n".join(migration.text for migration in load("media", "daira_media"))
    schema = (files("daira_media") / "migrations/schema.sql").read_text()

    async with await AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        migrated = await shape(connection, "migrated", migrations)
        declared = await shape(connection, "declared", schema)

    assert migrated == declared
    assert len(migrated[0]) > 30
