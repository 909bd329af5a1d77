"""The schema of every service's stores: where it stands, and bringing it up to date."""

from typing import Any

import msgspec

from daira_cli.services import AnyService
from daira_stores.cql import cql_migrations, pending_cql
from daira_stores.migrate import Migration, all_for, apply, due, standing

POSTGRES, CQL = "postgres", "cql"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One pending file. `waits`: not part of the phase that was asked for."""

    service: str
    store: str
    name: str
    phase: str
    text: str
    waits: bool = False


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One service's databases between the files of its code."""

    service: str
    version: str
    """The file applied last; empty before the first."""
    pending: tuple[Step, ...]
    edited: tuple[str, ...]
    """Changed after they were applied: nothing can be applied until they are as they were."""
    unknown: tuple[str, ...]
    """Applied by a newer code than this."""


async def look(service: AnyService, settings: Any, phase: str) -> Schema:
    """Reads only. Raises OperationalError or WideColumnUnavailable for a store that does not answer."""
    found = await standing(settings.postgres_dsn, all_for(service.name))
    now = due(found.pending, phase)
    steps = [_step(service.name, POSTGRES, file, waits=file not in now) for file in found.pending]
    if cql_migrations(package(service)):
        where = settings.cql_hosts, settings.cql_port, settings.cql_keyspace
        steps += [_step(service.name, CQL, file) for file in await pending_cql(*where, package(service))]
    return Schema(
        service=service.name,
        version=found.applied[-1] if found.applied else "",
        pending=tuple(steps),
        edited=found.edited,
        unknown=found.unknown,
    )


async def bring(service: AnyService, settings: Any, phase: str) -> list[str]:
    """Apply what is due; another runner is waited for. Says what ran in PostgreSQL. Raises MigrationError."""
    done = await apply(settings.postgres_dsn, all_for(service.name), phase=phase)
    if service.migrate is not None:
        await service.migrate(settings)
    return [str(file) for file in done]


def package(service: AnyService) -> str:
    """Where its code and its migrations lie."""
    return service.settings.__module__.partition(".")[0]


def _step(service: str, store: str, file: Migration, *, waits: bool = False) -> Step:
    return Step(service=service, store=store, name=str(file), phase=file.phase, text=file.text, waits=waits)
