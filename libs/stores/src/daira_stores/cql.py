"""ScyllaDB or Cassandra on asyncio: driver callbacks wake the event loop, at most `in_flight` requests at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
from cassandra import DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.query import PreparedStatement, named_tuple_factory

from daira_kit.errors import Unavailable
from daira_stores.migrate import Migration, load

WRITTEN = re.compile(
    r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\b.*?\bFROM|TRUNCATE(?:\s+TABLE)?)\s+(?:\w+\.)?(\w+)", re.IGNORECASE | re.DOTALL
)
"""A statement that changes a table, and which."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that is about to change a table; `bound` are its values by the column that each is for."""

    table: str
    bound: dict[str, Any]


BeforeWrite = Callable[[Write], Awaitable[None]]
_BEFORE_WRITE: ContextVar[BeforeWrite | None] = ContextVar("before_write", default=None)


class WideColumnUnavailable(Unavailable):
    """The event store does not answer."""

    code = "event_store_unavailable"


class CqlSession:
    """Prepared statements only. Connects on first use, so that a service starts while the cluster is down."""

    def __init__(
        self,
        hosts: Sequence[str],
        port: int,
        keyspace: str,
        *,
        timeout: float = 5.0,
        in_flight: int = 128,
        before_write: BeforeWrite | None = None,
    ) -> None:
        """`timeout` of one request in seconds; `before_write` is awaited before each statement that changes a table."""
        self._hosts, self._port, self._keyspace, self._timeout = list(hosts), port, keyspace, timeout
        self._before_write = before_write
        self._gate = asyncio.Semaphore(in_flight)
        self._connecting = asyncio.Lock()
        self._cluster: Cluster | None = None
        self._session: Session | None = None
        self._prepared: dict[str, PreparedStatement] = {}

    async def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows as named tuples, of every page. Raises WideColumnUnavailable."""
        async with self._gate:
            session = await self._connected()
            prepared = await self._prepare(session, statement)
            if self._before_write is not None and (written := WRITTEN.match(statement)):
                names = (column.name for column in prepared.column_metadata or ())
                await self._before_write(Write(table=written[1], bound=dict(zip(names, parameters, strict=False))))
            return await self._execute(session, prepared, parameters)

    async def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same statement for many rows, concurrently within `in_flight`. Every write must be an upsert."""
        await asyncio.gather(*(self.run(statement, row) for row in rows))

    async def check(self) -> None:
        """Raises WideColumnUnavailable when a trivial query fails; for /readyz."""
        await self.run("SELECT release_version FROM system.local")

    async def close(self) -> None:
        """Close every connection."""
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.shutdown)
            self._cluster = self._session = None

    async def _execute(self, session: Session, statement: PreparedStatement, parameters: Sequence[Any]) -> list[Any]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()
        found: list[Any] = []

        def settle(error: BaseException | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def arrived(rows: Any) -> None:
            found.extend(rows or ())
            if future.has_more_pages:
                future.start_fetching_next_page()
            else:
                loop.call_soon_threadsafe(settle, None)

        future = session.execute_async(statement, parameters)
        future.add_callbacks(arrived, lambda error: loop.call_soon_threadsafe(settle, error))
        try:
            return await answer
        except (DriverException, NoHostAvailable) as error:
            raise WideColumnUnavailable(str(error)) from error

    async def _prepare(self, session: Session, statement: str) -> PreparedStatement:
        found = self._prepared.get(statement)
        if found is None:
            try:
                found = await asyncio.to_thread(session.prepare, statement)
            except (DriverException, NoHostAvailable) as error:
                raise WideColumnUnavailable(str(error)) from error
            self._prepared[statement] = found
        return found

    async def _connected(self) -> Session:
        async with self._connecting:
            if self._session is None:
                try:
                    self._session = await asyncio.to_thread(self._connect)
                except (DriverException, NoHostAvailable, OSError) as error:
                    raise WideColumnUnavailable(str(error)) from error
            return self._session

    def _connect(self) -> Session:
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
            request_timeout=self._timeout,
            row_factory=named_tuple_factory,
        )
        cluster = Cluster(
            self._hosts,
            port=self._port,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ExponentialReconnectionPolicy(0.2, 5.0),
            connect_timeout=self._timeout,
            idle_heartbeat_interval=5,
        )
        try:
            session = cluster.connect(self._keyspace)
        except BaseException:
            cluster.shutdown()
            raise
        self._cluster = cluster
        return session


@asynccontextmanager
async def open_cql(hosts: str, port: int, keyspace: str, *, timeout: float = 5.0) -> AsyncIterator[CqlSession]:
    """`hosts` is comma-separated; `timeout` of one request in seconds."""
    session = CqlSession(hosts.split(","), port, keyspace, timeout=timeout, before_write=_BEFORE_WRITE.get())
    try:
        yield session
    finally:
        await session.close()


@contextmanager
def before_each_write(told: BeforeWrite) -> Iterator[None]:
    """Sessions opened inside await `told` before each write: whoever wants to know what a service changes."""
    token = _BEFORE_WRITE.set(told)
    try:
        yield
    finally:
        _BEFORE_WRITE.reset(token)


def cql_migrations(package: str) -> list[Migration]:
    """The files `package`/migrations/*.cql, in order of their numbers."""
    return load("cql", package, ".cql")


async def pending_cql(hosts: str, port: int, keyspace: str, package: str) -> list[Migration]:
    """What `migrate_cql` would run; reads only. Raises WideColumnUnavailable."""
    async with open_cql(hosts, port, keyspace) as session:
        table = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        known = await session.run(table, (keyspace, "schema_migration"))
        return await _pending(session, package) if list(known) else cql_migrations(package)


async def migrate_cql(hosts: str, port: int, keyspace: str, package: str) -> list[str]:
    """Apply `package`/migrations/*.cql, one statement a file, and say which ran.

    DDL is not transactional in CQL, so every file must be repeatable (IF NOT EXISTS); a row remembers what ran.
    """
    async with open_cql(hosts, port, keyspace) as session:
        await session.run(
            "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, checksum text, applied_at timestamp)"
        )
        pending = await _pending(session, package)
        for migration in pending:
            await session.run(migration.text)
            await session.run(
                "INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?, ?, toTimestamp(now()))",
                (migration.name, migration.checksum),
            )
        return [migration.name for migration in pending]


async def _pending(session: CqlSession, package: str) -> list[Migration]:
    done = {row.name for row in await session.run("SELECT name FROM schema_migration")}
    return [migration for migration in cql_migrations(package) if migration.name not in done]
