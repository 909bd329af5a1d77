"""Numbered migrations, `0001_pre_….sql` before the new code and `…_post_….sql` after the old code is gone.

Each file is one transaction; a checksum guards against edits after the fact; an advisory lock makes two runners queue.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

import msgspec
from psycopg import AsyncConnection

LOCK = 0x4441495241  # "DAIRA"


class MigrationError(RuntimeError):
    """A migration cannot be applied; the database is as it was before that file."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file of one component (`delivery` or the service itself)."""

    component: str
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return sha256(self.text.encode()).hexdigest()


def load(component: str, package: str, suffix: str = ".sql") -> list[Migration]:
    """The migrations in `package`/migrations, in order of their numbers; none when there is no such folder."""
    folder = files(package) / "migrations"
    if not folder.is_dir():
        return []
    found = [
        Migration(component=component, name=entry.name, text=entry.read_text())
        for entry in folder.iterdir()
        if entry.name.endswith(suffix) and not entry.name.startswith("schema")
    ]
    return sorted(found, key=lambda migration: migration.name)


def all_for(service: str) -> list[Migration]:
    """The delivery tables, then the service's own."""
    return load("delivery", "daira_stores") + load(service, f"daira_{service}")


async def plan(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """What `apply` would run. Raises MigrationError when an applied file was edited."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await _pending(connection, migrations)


async def apply(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """Run what is pending and say what that was; idempotent, safe to run twice at once."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        pending = await _pending(connection, migrations)
        for migration in pending:
            await _run(connection, migration)
        return pending


async def _pending(connection: AsyncConnection, migrations: Sequence[Migration]) -> list[Migration]:
    await connection.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migration (
            component text, name text, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (component, name))
        """
    )
    rows = await (await connection.execute("SELECT component, name, checksum FROM schema_migration")).fetchall()
    applied = {(component, name): checksum for component, name, checksum in rows}
    for migration in migrations:
        known = applied.get((migration.component, migration.name))
        if known is not None and known != migration.checksum:
            raise MigrationError(f"{migration.component}/{migration.name} was edited after it was applied")
    return [m for m in migrations if (m.component, m.name) not in applied]


async def _run(connection: AsyncConnection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '5s'")
            await connection.execute(migration.text.encode())
            await connection.execute(
                "INSERT INTO schema_migration (component, name, checksum) VALUES (%s, %s, %s)",
                (migration.component, migration.name, migration.checksum),
            )
    except Exception as error:
        raise MigrationError(f"{migration.component}/{migration.name}: {error}") from error
