"""One projection from beginning to end, by one operator at a time."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from daira_bus.log import Log
from daira_bus.projection import Projection, Rebuildable, Refill
from daira_cli.console import Ticker
from daira_cli.errors import Refused
from daira_cli.rebuild.finding import Found
from daira_cli.rebuild.opening import Opened, opened
from daira_cli.rebuild.other_stores import RefillRebuild, RestoreRebuild
from daira_cli.rebuild.report import Report
from daira_cli.rebuild.tables import TableRebuild
from daira_stores.operators import OperatorBusy, alone

SWAP_PATIENCE = 5.0
"""Seconds that live handlers wait for a broker that went away during the swap, before we let go and try again."""
Steps = TableRebuild | RefillRebuild | RestoreRebuild
Bar = Callable[[str, float], AbstractContextManager[Ticker]]


async def rebuild(found: Found, settings: Any, operator: str, bar: Bar, *, dry: bool, anew: bool) -> Report:
    """Raises Refused when another operator is at it, and what the stores and the broker raise; resumable at any point.

    A dry run compares and leaves nothing behind but what it found half done.
    """
    name, started = found.projection.name, time.perf_counter()
    report = Report(projection=name, dry=dry)
    try:
        async with (
            alone(settings.postgres_dsn, f"rebuild {name}", operator),
            opened(found.service, settings, found.projection) as service,
        ):
            steps = steps_of(found.projection, service, settings, report)
            with bar(name, await steps.begin(anew=anew)) as ticker:
                await steps.run(ticker.advance)
            if dry and not report.resumed:
                await steps.drop()
    except OperatorBusy as error:
        raise Refused(error.detail, then="wait until it is done, or stop it there", code=error.code) from None
    report.seconds = round(time.perf_counter() - started, 2)
    return report


def steps_of(projection: Rebuildable, service: Opened, settings: Any, report: Report) -> Steps:
    """How this kind of projection is made anew."""
    log = Log(settings.kafka_bootstrap, settings.topic_prefix)
    if isinstance(projection, Projection):
        swap_log = Log(settings.kafka_bootstrap, settings.topic_prefix, patience=SWAP_PATIENCE)
        return TableRebuild(projection, service.database, service.target, log, swap_log, report)
    if isinstance(projection, Refill):
        return RefillRebuild(projection, service.database, service.target, report)
    return RestoreRebuild(projection, service.database, service.target, log, report)
