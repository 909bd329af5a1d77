"""A server process to be cut off: `lone_server.py DSN after-commit|never`. Its first line of output is its port.

`after-commit` names the point at which it ends itself: what was asked for is committed and nobody was answered.
"""

import os
import socket
import sys

import msgspec
import uvicorn
import uvloop
from litestar import Litestar, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody

from daira_kit.ids import new_id
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database, open_database
from daira_web.app import create_app
from daira_web.guards import PUBLIC
from daira_web.health import Health
from daira_web.tokens import TokenVerifier

POWER_CUT = 77


class Note(msgspec.Struct):
    """What is asked for."""

    text: str


@post("/v1/notes", operation_id="WriteNote", opt=PUBLIC)
async def write_note(
    data: JSONBody[Note],
    idempotency: NamedDependency[IdempotencyKey | None],
    database: NamedDependency[Database],
    state: State,
) -> dict[str, str]:
    """One note for one key."""
    async with database.work(idempotency) as work:
        note = {"id": str(new_id()), "text": data.text}
        await work.execute("INSERT INTO note (id) VALUES (%s)", (note["id"],))
        await work.answer(201, note)
    if state.crash_at == "after-commit":
        os._exit(POWER_CUT)  # no clean-up of any kind
    return note


def make_app(database: Database, crash_at: str) -> Litestar:
    """The one route on a database of the test's."""
    app = create_app(
        service="test",
        routes=[write_note],
        dependencies={"database": database},
        verifier=TokenVerifier("", "test"),
        health=Health({"postgres": database.check}),
    )
    app.state.crash_at = crash_at
    return app


async def main(dsn: str, crash_at: str) -> None:
    """Until killed."""
    async with open_database(dsn, "test", size=2) as database:
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(make_app(database, crash_at), loop="none", log_config=None))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
