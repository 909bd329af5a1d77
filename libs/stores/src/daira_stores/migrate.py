"""Numbered migrations, `0001_pre_….sql` before the new code and `…_post_….sql` after the old code is gone.

Each file is one transaction; a checksum guards against edits after the fact; an advisory lock makes two runners queue.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import takewhile

import msgspec
from psycopg import AsyncConnection

LOCK = 0x4441495241  # "DAIRA"
PRE, POST = "pre", "post"
_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        component text, name text, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (component, name))
"""


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

    @property
    def phase(self) -> str:
        """`pre` or `post`, from the name."""
        return POST if f"_{POST}_" in self.name else PRE

    def __str__(self) -> str:
        return f"{self.component}/{self.name}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A database between the files of the code: what it has, lacks, has otherwise, and has from a newer code."""

    applied: tuple[str, ...]
    """`component/name`, in the order they ran."""
    pending: tuple[Migration, ...]
    edited: tuple[str, ...]
    """Files changed after they were applied: nothing more can be applied until they are as they were."""
    unknown: tuple[str, ...]
    """Applied here, but no file of this code: the database is ahead of it."""


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


async def standing(dsn: str, migrations: Sequence[Migration]) -> Standing:
    """Where a database stands between the files; reads only."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await _standing(connection, migrations)


async def plan(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """What `apply` would run; reads only. Raises MigrationError when an applied file was edited."""
    return list(_unedited(await standing(dsn, migrations)).pending)


async def apply(dsn: str, migrations: Sequence[Migration], *, phase: str = POST) -> list[Migration]:
    """Run what is pending and say what that was; idempotent, safe to run twice at once.

    Phase `pre` stops before the first `post` file: what the old code still needs stays as it is.
    """
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        await connection.execute(_TABLE)
        pending = due(_unedited(await _standing(connection, migrations)).pending, phase)
        for migration in pending:
            await _run(connection, migration)
        return pending


def due(pending: Sequence[Migration], phase: str) -> list[Migration]:
    """What of the pending files runs in a phase: all of them in `post`, those before the first `post` file in `pre`."""
    if phase == POST:
        return list(pending)
    return list(takewhile(lambda migration: migration.phase == PRE, pending))


async def _standing(connection: AsyncConnection, migrations: Sequence[Migration]) -> Standing:
    found = await (await connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL")).fetchone()
    applied: dict[tuple[str, str], str] = {}
    if found and found[0]:
        rows = await connection.execute("SELECT component, name, checksum FROM schema_migration ORDER BY applied_at")
        applied = {(component, name): checksum for component, name, checksum in await rows.fetchall()}
    files = {(migration.component, migration.name): migration for migration in migrations}
    return Standing(
        applied=tuple(f"{component}/{name}" for component, name in applied),
        pending=tuple(migration for place, migration in files.items() if place not in applied),
        edited=tuple(
            str(files[place]) for place, sum_ in applied.items() if place in files and files[place].checksum != sum_
        ),
        unknown=tuple(f"{component}/{name}" for component, name in applied if (component, name) not in files),
    )


def _unedited(found: Standing) -> Standing:
    if found.edited:
        raise MigrationError(f"{found.edited[0]} was edited after it was applied")
    return found


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
        raise MigrationError(f"{migration}: {error}") from error
