"""The command line of every service: `python -m daira_<service> --role all|http|worker|relay|migrate|check`."""

import argparse
import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from daira_kit.settings import load
from daira_observe.logs import get_logger, set_up_logging
from daira_observe.tracing import set_up_tracing
from daira_runtime.parts import S, Service
from daira_runtime.process import Role, open_process
from daira_stores import migrate as sql

logger = get_logger(__name__)
ROLES = [role.value for role in Role]
RECEIVE_BYTES = 64 * 1024
"""Unread bytes of a connection that the kernel keeps. The server takes all of them in one read and holds a few such
reads while a handler is busy with the body: parallel uploads multiply this. Round trips to the gateway are short
enough for so small a window."""


def run(service: Service[S]) -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog=f"daira-{service.name}", description=f"DAIRA's {service.name} service")
    parser.add_argument("--role", choices=[*ROLES, "migrate", "check"], default="all", help="what this process does")
    arguments = parser.parse_args()
    settings = load(service.settings, f"DAIRA_{service.name.upper()}_")
    set_up_logging(service.name, settings.log_level)
    set_up_tracing(service.name, settings.otlp_endpoint)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if arguments.role == "migrate":
            runner.run(_migrate(service, settings))
        elif arguments.role in ROLES:
            runner.run(_serve(service, settings, Role(arguments.role)))


async def _migrate(service: Service[S], settings: S) -> None:
    applied = await sql.apply(settings.postgres_dsn, sql.all_for(service.name))
    for migration in applied:
        logger.info("migration_applied", component=migration.component, name=migration.name)
    if service.migrate is not None:
        await service.migrate(settings)


async def _serve(service: Service[S], settings: S, role: Role) -> None:
    async with open_process(service.name, settings, service.build, role) as process:
        server = _Server(
            uvicorn.Config(
                process.app,
                loop="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(settings.drain_seconds),
                timeout_keep_alive=75,
                backlog=socket.SOMAXCONN,
            )
        )

        def drain() -> None:
            logger.info("draining")
            process.health.draining = True
            server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, drain)
        logger.info("started", role=role.value, port=settings.port)
        await server.serve(sockets=[listen(settings.host, settings.port)])
    logger.info("stopped")


def listen(host: str, port: int) -> socket.socket:
    """A TCP listener whose connections hold about RECEIVE_BYTES unread. Raises OSError when the place is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=socket.SOMAXCONN)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: this process drains its consumers too."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
