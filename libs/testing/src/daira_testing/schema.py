"""What a database looks like, as data that can be compared."""

from psycopg import AsyncConnection

_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, ''), is_identity
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migration'
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
"""
_SETTINGS = """
SELECT relname, unnest(reloptions) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""


async def describe_schema(dsn: str) -> dict[str, list[tuple[str, ...]]]:
    """Columns, indexes, constraints and settings by table, in a stable order; the migration table is left out."""
    found: dict[str, list[tuple[str, ...]]] = {}
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for query in (_COLUMNS, _INDEXES, _CONSTRAINTS, _SETTINGS):
            for table, *facts in await (await connection.execute(query)).fetchall():
                if table != "schema_migration":
                    found.setdefault(table, []).append(tuple(str(fact) for fact in facts))
    return {table: sorted(facts) for table, facts in sorted(found.items())}
