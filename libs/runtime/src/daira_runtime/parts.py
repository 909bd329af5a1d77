"""What a service's wiring hands over, and what it is given to build with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import msgspec
from litestar.types import ControllerRouterHandler

from daira_bus.broadcast import BroadcastView
from daira_bus.jobs import JobKind
from daira_bus.producer import Producer
from daira_bus.projection import Rebuildable
from daira_bus.subscription import Subscription
from daira_kit.settings import CommonSettings
from daira_runtime.export import SUBSCRIPTION, Export, part_job
from daira_stores.postgres import Database
from daira_web.health import Check
from daira_web.tokens import TokenVerifier

Task = Callable[[asyncio.Event], Awaitable[None]]


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What every service has; `database.source` is the service's name."""

    database: Database
    producer: Producer
    verifier: TokenVerifier


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """One service, assembled by its `wiring.build`.

    `dependencies` are handed to routes by parameter name; `target` to event and job handlers.
    `required` checks decide readiness (PostgreSQL is always one), `optional` ones are shown only.
    `tasks(stop)` run in the worker role until `stop` is set.
    `examples` are structs that routes take and answer, for the API document.
    `export` writes the service's part when a person asks for everything about them.
    """

    target: object = None
    routes: Sequence[ControllerRouterHandler] = ()
    dependencies: Mapping[str, object] = {}
    examples: Sequence[msgspec.Struct] = ()
    subscriptions: Sequence[Subscription] = ()
    jobs: Sequence[JobKind] = ()
    views: Sequence[BroadcastView] = ()
    required: Mapping[str, Check] = {}
    optional: Mapping[str, Check] = {}
    tasks: Sequence[Task] = ()
    export: Export | None = None


def complete(parts: Parts, database: Database) -> Parts:
    """With what `export` needs: its job, and its subscription unless the service hears that topic itself."""
    if parts.export is None:
        return parts
    heard = {subscription.topic for subscription in parts.subscriptions}
    added = () if SUBSCRIPTION.topic in heard else (SUBSCRIPTION,)
    return msgspec.structs.replace(
        parts, subscriptions=(*parts.subscriptions, *added), jobs=(*parts.jobs, part_job(database, parts.export))
    )


S = TypeVar("S", bound=CommonSettings)
Build = Callable[[S, Platform], AbstractAsyncContextManager[Parts]]
Migrate = Callable[[S], Awaitable[None]]


class Service(msgspec.Struct, Generic[S], frozen=True):
    """One service as its process and the operator's tools know it: `SERVICE` in its wiring.

    The entry point group `daira.services` names it, so that tools find every installed service and import none.
    """

    name: str
    settings: type[S]
    """Read from `DAIRA_<NAME>_<FIELD>`."""
    build: Build[S]
    migrate: Migrate[S] | None = None
    """Brings stores other than PostgreSQL up to date."""
    projections: tuple[Rebuildable, ...] = ()
    """What `daira rebuild` can make anew."""
