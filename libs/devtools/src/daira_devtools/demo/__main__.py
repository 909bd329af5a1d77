"""`make demo`: bring the stack up, do the main job on a real video, leave the platform running."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Protocol

from daira_devtools.demo import interruptions
from daira_devtools.demo.client import DemoFailed
from daira_devtools.demo.report import Report
from daira_devtools.demo.scenario import Outcome, play
from daira_devtools.stack import ALL, Endpoints, Stack, StackError, signals
from daira_testing.clips import sample

INTERRUPTED = 130


class Platform(Protocol):
    """What the demo asks of a stack."""

    @property
    def endpoints(self) -> Endpoints: ...

    async def up(self, base: int, groups: Iterable[str]) -> None: ...

    async def down(self) -> int: ...


def main(arguments: Sequence[str] | None = None, stack: Platform | None = None) -> int:
    """Exit code 1 with one clear line for a failed step; 130 after Ctrl-C or SIGTERM, with nothing left running.

    The stack of the given name is used unless `stack` is given.
    """
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--name", default="main", help="the stack's name")
    parser.add_argument("--base", type=int, default=8080, help="the gateway's port; all others follow from it")
    options = parser.parse_args(arguments)
    report = Report()
    stack = stack or Stack.named(options.name, report.console.print)
    try:
        signals.run(stack.up(options.base, ALL))
        with interruptions.interruptible():
            outcome = play(stack.endpoints.gateway_url, sample().read_bytes(), report)
    except (DemoFailed, StackError) as error:
        report.console.print(f"the demo failed: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        interruptions.ignore()
        asyncio.run(stack.down())
        report.console.print("interrupted: nothing is left running")
        return INTERRUPTED
    _show(report, stack.endpoints, outcome)
    return 0


def _show(report: Report, where: Endpoints, outcome: Outcome) -> None:
    gateway = where.gateway_url
    report.table(
        "DAIRA is up; `make down` stops it",
        [
            ("gateway", gateway),
            ("preview", f"{gateway}/preview"),
            ("API", f"{gateway}/docs"),
            ("the stream", f"{gateway}{outcome.hls_url}" if outcome.hls_url.startswith("/") else outcome.hls_url),
            ("sandbox codes", f"{gateway}/v1/sandbox/messages?phoneNumber=%2B201000000102"),
            ("PostgreSQL", where.postgres_dsn("daira_feed")),
            ("Kafka", where.kafka_bootstrap),
            ("Valkey", where.redis_url),
            ("Cassandra", f"{where.cql_hosts}:{where.cql_port}"),
            ("S3", where.s3_endpoint),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
