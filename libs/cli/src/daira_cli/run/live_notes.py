"""How far a live run came, in a file beside its dump, and that nobody else is at it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from psycopg.conninfo import conninfo_to_dict

from daira_cli.errors import Refused
from daira_cli.run.reading import Dump
from daira_cli.run.scratch import Checkpoint
from daira_runtime.redrive import alone_by_hand
from daira_stores.changes import Change, Progress
from daira_stores.operators import OperatorBusy

ANEW = "begin anew without --from-checkpoint: the inbox passes over what was handled"


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """How far a live run came."""

    dump: str
    """SHA-256 of the file: another one of the same name has other records in the same places."""
    database: str
    """What was handled on one was not on another."""
    progress: Progress = Progress(next_index=0, result_bytes=0)


class LiveNotes:
    """Remembers how far a live run came; what it changes is in the real tables, where nobody takes notes."""

    def __init__(self, path: Path, service: str, dump: str, dsn: str) -> None:
        """`dump`: the SHA-256 of the file."""
        self._path, self._service = path, service
        self._came = Came(dump=dump, database=place_of_database(dsn))

    @property
    def progress(self) -> Progress:
        """Where to begin."""
        return self._came.progress

    def go_on(self) -> None:
        """After what an earlier run did, if there was one. Raises Refused when it was not this one."""
        if self._path.exists():
            self._came = self._earlier()

    async def noted(self) -> list[Change]:
        """Nothing."""
        return []

    async def settle(self, progress: Progress) -> None:
        """The inbox makes a record that is done twice harmless, so this need not be on the disk at once.

        But it is whole whenever the process is killed.
        """
        self._came = msgspec.structs.replace(self._came, progress=progress)
        part = self._path.with_name(f"{self._path.name}.part")
        part.write_bytes(msgspec.json.encode(self._came))
        part.replace(self._path)

    def done(self) -> None:
        """Nothing is left to continue."""
        self._path.unlink(missing_ok=True)

    def _earlier(self) -> Came:
        try:
            earlier = msgspec.json.decode(self._path.read_bytes(), type=Came)
        except msgspec.DecodeError as error:
            raise Refused(
                f"{self._path} does not say how far it came: {error}", then=ANEW, code="checkpoint_corrupt"
            ) from error
        if earlier.dump != self._came.dump:
            raise Refused("the dump changed since the run that is to be continued", then=ANEW, code="changed")
        if earlier.database != self._came.database:
            raise Refused(
                f"the run that is to be continued was on {earlier.database}, not on {self._came.database}",
                then=ANEW,
                code="elsewhere",
            )
        return earlier


@asynccontextmanager
async def open_notes_alone(
    dump: Dump, service: str, dsn: str, operator: str, *, go_on: bool
) -> AsyncIterator[LiveNotes]:
    """Nobody else gives this service records by hand meanwhile, and nobody else here runs this dump through it.

    `go_on`: with a run that was stopped. Raises Refused with the name of whoever is at it, or when the stopped run was
    another one; DatabaseUnavailable.
    """
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(alone_by_hand(dsn, service, f"{operator} (live replay)"))
        except OperatorBusy as error:
            raise Refused(error.detail, then="wait for them: what they did is passed over", code=error.code) from None
        # That lock is the database's; the files beside the dump are shared with runs on other ones.
        checkpoint = Checkpoint.open(dump.path, service)
        stack.callback(lambda: checkpoint.close(keep=checkpoint.read() is not None))
        notes = LiveNotes(dump.path.with_name(f"{dump.path.name}.{service}.live"), service, dump.digest, dsn)
        if go_on:
            notes.go_on()
        yield notes


def place_of_database(dsn: str) -> str:
    """`host:port/name`, without who asks."""
    known = conninfo_to_dict(dsn)
    return f"{known.get('host', '')}:{known.get('port', '')}/{known.get('dbname', '')}"
