"""Everything a run may write to: made for it, and thrown away after it."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from psycopg.errors import InsufficientPrivilege

from daira_cli.errors import Refused
from daira_cli.services import AnyService
from daira_kit.ids import new_id
from daira_runtime.replay import NOWHERE
from daira_stores import migrate, scratch
from daira_stores.scratch import NoScratch

OFF = {"kafka_bootstrap": NOWHERE, "s3_endpoint": f"http://{NOWHERE}", "otlp_endpoint": ""}
"""What a handler could reach the world through."""


class Scratch(msgspec.Struct, frozen=True, kw_only=True):
    """Throw-away stores of one run; `checkpoint` names them, so that a run can go on after a kill."""

    service: str
    name: str
    """Of the database and the keyspace."""
    dump: str
    """SHA-256 of the file."""
    redis_url: str | None = None
    ready: bool = False
    """Whether all of them were made: others are not continued, only thrown away."""


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """Servers on which throw-away stores are made; None: those of the service's settings."""

    postgres: str | None = None
    redis: str | None = None


def planned(service: AnyService, dump_digest: str) -> Scratch:
    """Names for new stores; nothing is made yet."""
    return Scratch(service=service.name, name=f"daira_{service.name}_replay_{new_id().hex[-12:]}", dump=dump_digest)


async def make(service: AnyService, settings: Any, stores: Stores, wanted: Scratch) -> tuple[Scratch, Any]:
    """Make the stores, migrated, and the settings that lead there. Raises Refused, naming what to give instead."""
    server = stores.postgres or settings.postgres_dsn
    try:
        dsn = await scratch.create_database(server, wanted.name)
    except InsufficientPrivilege as error:
        raise Refused(
            "this user may not create databases", then="--scratch-postgres DSN of a server where you may"
        ) from error
    made = wanted
    try:
        made = msgspec.structs.replace(wanted, redis_url=await _claim_redis(settings, stores, wanted.name))
        led = lead(settings, stores, made)
        await migrate.apply(dsn, migrate.all_for(service.name))
        if hasattr(settings, "cql_keyspace"):
            await scratch.create_keyspace(settings.cql_hosts, settings.cql_port, made.name)
        if service.migrate is not None:
            await service.migrate(led)
    except BaseException:
        await discard(settings, stores, made)
        raise
    return msgspec.structs.replace(made, ready=True), led


def lead(settings: Any, stores: Stores, made: Scratch) -> Any:
    """The settings with every store replaced by its throw-away one, and every way out closed."""
    fields = {field.name for field in msgspec.structs.fields(settings)}
    values = {
        **OFF,
        "postgres_dsn": scratch.database_dsn(stores.postgres or settings.postgres_dsn, made.name),
        "redis_url": made.redis_url,
        "cql_keyspace": made.name,
        "postgres_pool_size": 4,
    }
    return msgspec.structs.replace(settings, **{name: value for name, value in values.items() if name in fields})


async def discard(settings: Any, stores: Stores, made: Scratch) -> None:
    """Throw the stores away; what is already gone is passed over."""
    await scratch.drop_database(stores.postgres or settings.postgres_dsn, made.name)
    if hasattr(settings, "cql_keyspace"):
        await scratch.drop_keyspace(settings.cql_hosts, settings.cql_port, made.name)
    if made.redis_url is not None:
        await scratch.empty_redis(made.redis_url, made.name)
    elif hasattr(settings, "redis_url"):  # claimed perhaps, and not yet written down
        await _unclaim_redis(settings, stores, made.name)


async def _unclaim_redis(settings: Any, stores: Stores, owner: str) -> None:
    if stores.redis is not None:
        await scratch.empty_redis(stores.redis, owner)
    else:
        await scratch.empty_claimed_redis(settings.redis_url, owner)


async def _claim_redis(settings: Any, stores: Stores, owner: str) -> str | None:
    if not hasattr(settings, "redis_url"):
        return None
    try:
        if stores.redis is not None:
            await scratch.claim_redis(stores.redis, owner)
            return stores.redis
        return await scratch.claim_free_redis(settings.redis_url, owner)
    except NoScratch as error:
        then = "--scratch-redis redis://host:port/n of an empty logical database"
        raise Refused(error.detail, then=then, code=error.code) from error


class Checkpoint:
    """A file beside the dump that names the stores of a run; locked while the run goes on."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self._file = path, file

    @classmethod
    def open(cls, dump: Path, service: str) -> "Checkpoint":
        """Raises Refused when another process runs this dump for this service here."""
        path = dump.with_name(f"{dump.name}.{service}.checkpoint")
        path.touch()
        file = path.open("r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise Refused(
                f"another process runs {dump} for {service}", then="wait for it, or copy the dump", code="in_use"
            ) from None
        return cls(path, file)

    def read(self) -> Scratch | None:
        """What an earlier run left, if anything."""
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(self.path.read_bytes(), type=Scratch)
        return None

    def write(self, made: Scratch) -> None:
        """Before the stores are made, so that a kill leaves none that nobody knows."""
        self.clear()
        self._file.write(msgspec.json.encode(made))
        self._file.flush()

    def clear(self) -> None:
        """There is nothing to continue."""
        self._file.seek(0)
        self._file.truncate()
        self._file.flush()

    def close(self, *, keep: bool) -> None:
        """Let go; `keep` leaves the file for a later run."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._file.close()
