"""PostgreSQL and other stores of one service."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from daira_cli.doctor.check import Check, Watch, finding, fine
from daira_cli.groups.lag import age
from daira_cli.schema import look
from daira_cli.services import AnyService
from daira_kit.clock import now
from daira_stores.migrate import POST
from daira_stores.vitals import Vitals, ping, saved_keys, vitals

LATE = timedelta(seconds=30)
SKEW = timedelta(seconds=1)
FULL = 0.9


async def examine(service: AnyService, settings: Any) -> list[Check]:
    """Reachable, migrated, with nothing waiting or dead. Raises psycopg.Error for a database that is away."""
    watch = Watch()
    await ping(settings.postgres_dsn)
    reached = fine("postgres", service.name, str(watch))
    schema = await look(service, settings, POST)
    problems = [f"{len(schema.pending)} pending"] if schema.pending else []
    problems += [f"{name} was edited after it was applied" for name in schema.edited]
    problems += [f"{name} was applied by a newer code" for name in schema.unknown]
    then = f"daira migrate --plan --service {service.name}"
    said = "; ".join(problems) or schema.version
    found = [reached, finding("schema", service.name, said, then) if problems else fine("schema", service.name, said)]
    if schema.pending or schema.edited:  # what follows asks for tables as this code knows them
        return found
    before = now()
    seen = await vitals(settings.postgres_dsn)
    return [*found, *_work(service.name, seen), *_clock(service.name, seen, before, now())]


async def keys_known(service: AnyService, settings: Any, keys: Collection[str], topic: str) -> Check:
    """Whether the service could verify tokens if Kafka went away now. Raises psycopg.Error."""
    held = await saved_keys(settings.postgres_dsn, settings.topic_prefix + topic)
    missing = sorted(set(keys) - held)
    if missing:
        then = f"is {service.name}'s http role running? it saves what it reads"
        return finding("signing keys", service.name, f"has not saved {', '.join(missing)}", then)
    return fine("signing keys", service.name, f"{len(held)} saved")


def _work(name: str, seen: Vitals) -> list[Check]:
    found: list[Check] = []
    waiting = f"{seen.outbox_waiting:,} events wait" + (
        f", the oldest for {age(seen.outbox_since, seen.at)}" if seen.outbox_since else ""
    )
    if seen.outbox_since and seen.at - seen.outbox_since > LATE:
        found.append(finding("outbox", name, waiting, f"is {name}'s relay running, and Kafka reachable from it?"))
    else:
        found.append(fine("outbox", name, waiting))
    if seen.jobs_dead:
        kinds = ", ".join(seen.dead_kinds or ())
        then = f"why is in their last_error, in the table job of {name}'s database"
        found.append(finding("jobs", name, f"{seen.jobs_dead:,} gave up: {kinds}", then))
    if seen.jobs_since and seen.at - seen.jobs_since > LATE:
        said = f"{seen.jobs_due:,} due, nobody has begun the oldest for {age(seen.jobs_since, seen.at)}"
        found.append(finding("jobs", name, said, f"is {name}'s worker running?"))
    elif not seen.jobs_dead:
        found.append(fine("jobs", name, f"{seen.jobs_due:,} due"))
    if seen.connections > FULL * seen.max_connections:
        said = f"{seen.connections} of {seen.max_connections} connections are taken"
        found.append(finding("postgres", name, said, "fewer replicas, smaller POSTGRES_POOL_SIZE, or a pooler"))
    return found


def _clock(name: str, seen: Vitals, before: Any, after: Any) -> list[Check]:
    off = max(before - seen.at, seen.at - after, timedelta(0))
    if off > SKEW:
        said = f"its clock and this one differ by {off.total_seconds():.1f} s"
        return [finding("clock", name, said, "tokens and leases depend on it: check NTP on both")]
    return [fine("clock", name, "agrees with this one")]
