from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection

from daira_testing.schema import describe_schema


async def test_all_migrations_together_give_the_schema(make_database: Any) -> None:
    migrated = await make_database("video")
    declared = await make_database()
    text = (files("daira_video") / "migrations" / "schema.sql").read_text()
    async with await AsyncConnection.connect(declared.dsn, autocommit=True) as connection:
        await connection.execute(text.encode())

    assert await describe_schema(migrated.dsn) == await describe_schema(declared.dsn)
