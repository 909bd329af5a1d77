"""The whole examination, area by area."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from daira_bus.log import Log
from daira_cli.doctor import broker, database, others
from daira_cli.doctor.check import DOWN, Check, asked, finding
from daira_cli.errors import Usage
from daira_cli.services import AnyService
from daira_cli.where import Where
from daira_contracts.auth import KeyState

Configured = tuple[AnyService, Any]
START_POSTGRES = "is PostgreSQL running, and the DSN right? daira config --service "
START_STORE = "is it running, and the address right? daira config --explain"


async def examine(where: Where, services: list[AnyService]) -> list[Check]:
    """Every check, findings and all. Raises Usage when nothing says where to look."""
    configured, problems = _configured(where, services)
    if not configured:
        where.settings(services[0])  # says what is missing
    names = [service.name for service, _ in configured]
    areas: list[Awaitable[list[Check]]] = [
        broker.examine(where, names),
        *(_database(service, settings) for service, settings in configured),
        *_stores(configured),
    ]
    if where.stack is not None:
        areas.append(others.processes({service.name: settings.port for service, settings in configured}))
    found = [check for checks in await asyncio.gather(*areas) for check in checks]
    found += await _keys_known(where, configured)
    found += others.disks(_folders(configured))
    return sorted([*problems, *found], key=lambda check: _AREAS.index(check.area))


_AREAS = (
    *("settings", "kafka", "postgres", "redis", "cql", "s3", "process", "topics", "schema", "groups", "outbox"),
    *("jobs", "dead letters", "signing keys", "clock", "disk"),
)


def _configured(where: Where, services: list[AnyService]) -> tuple[list[Configured], list[Check]]:
    configured: list[Configured] = []
    problems: list[Check] = []
    for service in services:
        try:
            configured.append((service, where.settings(service)))
        except Usage as error:
            then = f"daira config --explain --service {service.name}"
            problems.append(finding("settings", service.name, " ".join(error.message.split()), then))
    return configured, problems


async def _database(service: AnyService, settings: Any) -> list[Check]:
    return await asked("postgres", service.name, START_POSTGRES + service.name, database.examine(service, settings))


def _stores(configured: list[Configured]) -> list[Awaitable[list[Check]]]:
    """Each address once, whichever services share it."""
    found: dict[str, Callable[[], Any]] = {}
    for _, settings in configured:
        found |= dict(others.stores(settings))
    return [asked(_area(name), name, START_STORE, ask()) for name, ask in found.items()]


def _area(name: str) -> str:
    if name.startswith("redis"):
        return "redis"
    return "s3" if name.startswith("http") else "cql"


async def _keys_known(where: Where, configured: list[Configured]) -> list[Check]:
    """The keys that every service with HTTP routes must have saved; nothing when the topic could not be read."""
    try:
        states = await broker.announced(Log(where.kafka(), where.topic_prefix(), patience=5))
    except DOWN:
        return []
    keys = [key for key, state in states.items() if state in (KeyState.ACTIVE, KeyState.ANNOUNCED)]
    found: list[Check] = []
    for service, settings in configured if keys else []:
        try:
            found.append(await database.keys_known(service, settings, keys, broker.KEYS))
        except DOWN:  # told as `postgres` or `schema` already
            continue
    return found


def _folders(configured: list[Configured]) -> set[str]:
    names = ("work_folder", "spool_folder")
    return {getattr(settings, name) for _, settings in configured for name in names if hasattr(settings, name)} or {""}
